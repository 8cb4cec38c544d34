import { createServer, type IncomingMessage } from 'node:http';
import { onEnd } from './on-end.js';

/** What becomes of a JSON-RPC request: its connection breaks before the node saw it, or after; or the node fails. */
export type Fate = 'pass' | 'lose request' | 'lose answer' | 'answer 500';

type Rewrite = (method: string, answer: string, params: readonly unknown[]) => string;

/** A wire to a chain that a test can cut. */
export async function startRpcProxy(target: string) {
  let fate: (method: string) => Fate = () => 'pass';
  let rewrite: Rewrite = (_, answer) => answer;
  let hold: (method: string) => Promise<void> | undefined = () => undefined;
  const seen: string[] = [];
  const server = createServer(async (request, response) => {
    const body = await textOf(request);
    const { method, params } = JSON.parse(body) as { method: string; params: unknown[] };
    seen.push(method);
    await hold(method);
    const what = fate(method);
    if (what === 'lose request') return response.destroy();
    if (what === 'answer 500') return response.writeHead(500).end();
    const answer = await fetch(target, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const text = rewrite(method, await answer.text(), params);
    if (what === 'lose answer') return response.destroy();
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text);
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });
  onEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${port}`,
    /** Methods asked for so far. */
    seen,
    decide(next: (method: string) => Fate): void {
      fate = next;
    },
    /** Requests of which it gives a promise wait for it. */
    hold(next: typeof hold): void {
      hold = next;
    },
    /** Lets the wire lie: gets the JSON of an answer, gives what arrives. */
    distort(next: Rewrite): void {
      rewrite = next;
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}
