import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { StorageDriverClaim } from '@temporalio/common';
import { tempDir } from '#test/support/temp-dir.js';
import { PayloadStore } from './payload-store.js';

const payload = (size: number) => ({ metadata: { encoding: Buffer.from('binary/plain') }, data: randomBytes(size) });

describe('payload store', () => {
  let folder: string;
  let store: PayloadStore;
  beforeEach(() => {
    folder = join(tempDir(), 'payloads');
    store = new PayloadStore(folder);
  });

  const files = async () => (await readdir(folder, { recursive: true })).filter((name) => /[0-9a-f]{64}/.test(name));

  it('gives back what it was given, also to another process', async () => {
    const payloads = [payload(1_000_000), payload(0)];
    const claims = await store.store({}, payloads);
    const [first, second] = await new PayloadStore(folder).retrieve({}, claims);
    expect(Buffer.from(first?.data ?? []).equals(payloads[0]!.data)).toBe(true);
    expect(second?.data ?? []).toHaveLength(0);
  });

  it('keeps the same payload once, even when it is stored twice at once', async () => {
    const same = payload(50_000);
    await Promise.all(Array.from({ length: 20 }, () => store.store({}, [same])));
    expect(await files()).toHaveLength(1);
  });

  it('refuses a payload that was altered on disk', async () => {
    const [claim] = await store.store({}, [payload(100)]);
    const file = join(folder, (await files())[0]!);
    const bytes = await readFile(file);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(file, bytes);
    await expect(store.retrieve({}, [claim!])).rejects.toThrow(/altered/);
  });

  it('says where it looked for a payload that it does not have', async () => {
    const claim = new StorageDriverClaim({ sha256: 'ab'.repeat(32) });
    await expect(store.retrieve({}, [claim])).rejects.toMatchObject({
      reason: 'NOT_FOUND',
      message: expect.stringContaining(folder),
    });
  });

  it.each(['../../etc/passwd', '', `${'ab'.repeat(32)}/x`])(
    'follows no claim out of its folder: %j',
    async (sha256) => {
      await expect(store.retrieve({}, [new StorageDriverClaim({ sha256 })])).rejects.toMatchObject({
        reason: 'INVALID_INPUT',
      });
      expect(existsSync(folder)).toBe(false);
    },
  );
});
