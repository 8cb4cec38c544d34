import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { tempDir } from '#test/support/temp-dir.js';
import { readSecret, secretFile, writeFileAtomic } from './secrets.js';

describe('secretFile', () => {
  it('T41 makes a secret once, for its owner alone', () => {
    const path = join(tempDir(), 'keys/operator');
    expect(secretFile(path, () => 'first')).toBe('first');
    expect(secretFile(path, () => 'second')).toBe('first');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(path, '..'))).toEqual(['operator']);
  });

  it('takes the secret of whoever was faster', () => {
    const path = join(tempDir(), 'secret');
    const beaten = () => {
      secretFile(path, () => 'theirs');
      return 'ours';
    };
    expect(secretFile(path, beaten)).toBe('theirs');
    expect(readFileSync(path, 'utf8')).toBe('theirs');
    expect(readdirSync(join(path, '..'))).toEqual(['secret']);
  });

  it.each([0o640, 0o604, 0o660])('T41 refuses a file of mode %o', (mode) => {
    const path = join(tempDir(), 'secret');
    writeFileSync(path, 'open');
    chmodSync(path, mode);
    expect(() => secretFile(path, () => 'new')).toThrow(/may be read by others: run "chmod 600/);
    expect(readFileSync(path, 'utf8')).toBe('open');
  });

  it('refuses an empty file', () => {
    const path = join(tempDir(), 'secret');
    writeFileSync(path, '\n', { mode: 0o600 });
    expect(() => readSecret(path)).toThrow(/is empty/);
  });
});

describe('writeFileAtomic', () => {
  it('replaces the whole file and leaves nothing beside it', () => {
    const dir = tempDir();
    const path = join(dir, 'state.json');
    writeFileAtomic(path, 'a much longer text than the next');
    writeFileAtomic(path, 'short');
    expect(readFileSync(path, 'utf8')).toBe('short');
    expect(readdirSync(dir)).toEqual(['state.json']);
  });
});
