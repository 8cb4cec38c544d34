import { onEnd } from '../support/on-end.js';
import { type SpawnNodeOptions, spawnNode } from '../support/spawn-node.js';

/** Starts a program that ends with `staying` and gives what it says. */
export async function startStaying<T>(entry: string, options: SpawnNodeOptions = {}): Promise<T> {
  const child = spawnNode(entry, options);
  onEnd(async () => {
    child.kill('SIGTERM');
    await child.exited;
  });
  const [, json] = await child.waitForLine(/^ready (.*)$/, 120_000);
  return JSON.parse(json as string) as T;
}
