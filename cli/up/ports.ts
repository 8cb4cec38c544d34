import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { z } from 'zod';

const schema = z.record(z.string(), z.number().int().min(1).max(65_535));

/**
 * A free loopback port for each name, the same as last time where it is still free: a listing names its endpoint, so
 * a moved port means a new listing.
 */
export async function choosePorts(file: string, names: readonly string[]): Promise<Record<string, number>> {
  const known = existsSync(file) ? schema.parse(JSON.parse(readFileSync(file, 'utf8'))) : {};
  const chosen: Record<string, number> = {};
  for (const name of names) {
    const before = known[name];
    chosen[name] =
      before !== undefined && (await isFree(before)) ? before : await freePort(new Set(Object.values(chosen)));
  }
  writeFileSync(`${file}.new`, `${JSON.stringify(chosen, null, 2)}\n`);
  renameSync(`${file}.new`, file);
  return chosen;
}

async function freePort(taken: ReadonlySet<number>): Promise<number> {
  for (;;) {
    const port = await listen(0);
    if (port !== undefined && !taken.has(port)) return port;
  }
}

const isFree = async (port: number): Promise<boolean> => (await listen(port)) !== undefined;

/** Takes a port for a moment; undefined if somebody has it. */
function listen(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
    });
  });
}
