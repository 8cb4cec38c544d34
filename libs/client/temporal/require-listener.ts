import { once } from 'node:events';
import { createConnection } from 'node:net';
import { partDown } from '#core/part-down.js';

/** A host that says nothing is left to whoever connects, with its own deadline. */
const PROBE_MS = 2_000;

/** TEMPORAL_UNAVAILABLE at once where nobody listens: Temporal's clients try again for seconds before they say so. */
export async function requireListener(address: string): Promise<void> {
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  const socket = createConnection({ host, port: Number(port) });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(PROBE_MS) });
  } catch (error) {
    if ((error as Error).name !== 'AbortError') throw partDown('TEMPORAL_UNAVAILABLE', address, error);
  } finally {
    socket.destroy();
  }
}
