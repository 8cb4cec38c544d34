/** Once per run: one PostgreSQL for all specs, what their chains begin with, and the Temporal program in its cache. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import './ts-loader.mjs';

export default async () => {
  const { startPostgres } = await import('../../libs/platform/local/postgres.ts');
  const { deployChain } = await import('./chain.ts');
  const { findTemporal } = await import('../../libs/platform/local/temporal-binary.ts');
  const onProgress = (line) => console.error(line);
  const makeDir = (name) => mkdtempSync(join(tmpdir(), `weft-test-${name}-`));
  const [dir, chain] = [makeDir('postgres'), makeDir('chain')];
  const [postgres, temporal] = await Promise.all([
    startPostgres({ dir, fsync: false }),
    // Most specs need none; those that do say so.
    findTemporal({ onProgress }).catch((error) => onProgress(String(error))),
    deployChain(chain),
  ]);
  process.env.WEFT_TEST_POSTGRES = postgres.url();
  process.env.WEFT_TEST_CHAIN = chain;
  if (temporal !== undefined) process.env.WEFT_TEST_TEMPORAL = temporal;
  globalThis.weftTest = { postgres, dirs: [dir, chain] };
};
