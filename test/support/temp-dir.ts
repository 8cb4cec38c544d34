import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onEnd } from './on-end.js';

/** A folder that is gone when the spec file is done. */
export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'weft-test-'));
  onEnd(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
