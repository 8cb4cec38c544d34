import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { freePort, isFree } from '#platform/local/free-port.js';

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
