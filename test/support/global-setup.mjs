/** Once per run: one PostgreSQL for all specs, and the Temporal program in its cache. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import './ts-loader.mjs';

export default async () => {
  const { startPostgres } = await import('../../libs/platform/local/postgres.ts');
  const { findTemporal } = await import('../../libs/platform/local/temporal-binary.ts');
  const onProgress = (line) => console.error(line);
  const dir = mkdtempSync(join(tmpdir(), 'weft-test-postgres-'));
  const [postgres, temporal] = await Promise.all([
    startPostgres({ dir, fsync: false }),
    // Most specs need none; those that do say so.
    findTemporal({ onProgress }).catch((error) => onProgress(String(error))),
  ]);
  process.env.WEFT_TEST_POSTGRES = postgres.url();
  if (temporal !== undefined) process.env.WEFT_TEST_TEMPORAL = temporal;
  globalThis.weftTest = { postgres, dir };
};
