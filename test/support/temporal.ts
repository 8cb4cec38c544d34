import { type LocalTemporal, startTemporal as start, type TemporalOptions } from '#platform/local/temporal.js';
import { onEnd } from './on-end.js';

/** A Temporal server of this spec file's own; in memory unless `dbFile` is given. */
export async function startTemporal(options: TemporalOptions = {}): Promise<LocalTemporal> {
  const binary = process.env['WEFT_TEST_TEMPORAL'];
  if (binary === undefined) throw new Error('no Temporal program: see the start of this run for what was tried');
  // It takes a second to end by itself, and nothing it holds is needed any more.
  const temporal = await start({ binary, headless: true, graceMs: 0, ...options });
  onEnd(() => temporal.stop());
  return temporal;
}
