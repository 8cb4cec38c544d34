import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onEnd } from './on-end.js';

/**
 * A wire to `target` ("host:port") that brings there whatever is asked and, whenever `breaks` says so, breaks just
 * before the answer comes back: it was done, and is said to have failed.
 */
export async function startCutWire(target: string, breaks: () => boolean): Promise<string> {
  const [host, port] = target.split(':');
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(port), host);
    const end = () => {
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      sockets.add(socket.setNoDelay(true));
      socket.on('error', end).on('close', () => {
        sockets.delete(socket);
        end();
      });
    }
    near.on('data', (asked) => far.write(asked));
    far.on('data', (answer) => (breaks() ? end() : near.write(answer)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onEnd(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
