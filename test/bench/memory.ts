import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { WeftError } from '#core/errors.js';
import { tempDir } from '../support/temp-dir.js';
import type { Run } from './bench.js';
import { ending } from './ending.js';
import { startMarketplace } from './marketplace.js';
import { memoryOfTree, type ProcessMemory } from './process-memory.js';

interface Memory {
  readonly processes: number;
  readonly rssMiB: number;
  readonly pssMiB: number;
}

/** Memory of every part of the built marketplace when it has run `intake` once. */
export const run: Run = ({ say }) =>
  ending(async () => {
    if (!existsSync('/proc/self/smaps_rollup'))
      throw new WeftError('CONFIG_INVALID', 'memory is read from /proc: run this bench on Linux');
    say('starting a marketplace and running intake');
    const { child } = await startMarketplace(join(tempDir(), 'home'));
    const all = memoryOfTree(child.pid);
    const parts: Record<string, Memory> = {};
    for (const name of new Set(all.map(partOf))) parts[name] = sum(all.filter((each) => partOf(each) === name));
    const total = sum(all);
    return {
      figures: { parts, total },
      rows: [
        ['part', 'processes', 'RSS MiB', 'PSS MiB'],
        ...Object.entries({ ...parts, total }).map(([name, { processes, rssMiB, pssMiB }]) => [
          name,
          String(processes),
          rssMiB.toFixed(1),
          pssMiB.toFixed(1),
        ]),
      ],
    };
  });

/** An app by its folder, everything else by its program. The shells wait for the end of whoever started a part. */
function partOf({ args: [program = '', ...args] }: ProcessMemory): string {
  const [, app] = /dist\/services\/(\w+)\/main\.js$/.exec(args[0] ?? '') ?? [];
  if (app !== undefined) return app;
  if (args[0]?.endsWith('cli/weft.mjs')) return 'weft up';
  // PostgreSQL's processes call themselves "postgres: what they do".
  return basename(program.replace(/:.*/, ''));
}

const sum = (all: readonly ProcessMemory[]): Memory => ({
  processes: all.length,
  rssMiB: mebi(all.reduce((kib, { rssKiB }) => kib + rssKiB, 0)),
  pssMiB: mebi(all.reduce((kib, { pssKiB }) => kib + pssKiB, 0)),
});

const mebi = (kib: number): number => Math.round(kib / 102.4) / 10;
