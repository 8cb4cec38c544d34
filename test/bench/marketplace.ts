import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { WeftError } from '#core/errors.js';
import { packageRoot } from '#platform/home.js';
import { inheritedEnvironment } from '#platform/inherited-environment.js';
import { type Leashed, leash } from '#platform/local/leash.js';
import { onEnd } from '../support/on-end.js';

export interface Started {
  readonly child: Leashed;
  /** From the start of the program until it says that it is ready. */
  readonly readyMs: number;
  /** From its start until the run of intake has been paid, settled and told. */
  readonly doneMs: number;
}

const script = join(packageRoot(), 'cli/weft.mjs');

/**
 * The built `weft up` on a home, as `npm start` runs it when nothing is to be built. Resolves when it has run `intake`
 * on the page that ships; with --once it then ends by itself.
 */
export async function startMarketplace(home: string, args: readonly string[] = []): Promise<Started> {
  if (!existsSync(join(packageRoot(), 'dist/cli/main.js')))
    throw new WeftError('CONFIG_INVALID', 'there is no build to start: run npm run build first');
  const beganMs = performance.now();
  let readyMs = Number.NaN;
  return new Promise((resolve, reject) => {
    const child = leash(process.execPath, {
      args: [script, 'up', '--json', ...args],
      env: { ...inheritedEnvironment(), WEFT_CACHE: process.env['WEFT_CACHE'], WEFT_HOME: home },
      graceMs: 60_000,
      onLine: (line) => {
        if (line.startsWith('ready in')) readyMs = performance.now() - beganMs;
        if (line.startsWith('{"runId"'))
          resolve({ child, readyMs: Math.round(readyMs), doneMs: Math.round(performance.now() - beganMs) });
      },
    });
    onEnd(() => child.stop());
    void child.exited.then(() => reject(new WeftError('INTERNAL', `weft up ended too soon:\n${child.logTail()}`)));
  });
}
