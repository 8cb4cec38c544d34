import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { isEncrypted, PayloadCipher } from './payload-cipher.js';

const payload = (text: string) => ({ metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from(text) });

describe('T39 payload cipher', () => {
  const key = randomBytes(32);
  const cipher = new PayloadCipher(key);
  const encrypted = async (text: string) => (await cipher.encode([payload(text)]))[0]!;

  it('gives back what it was given, also to another process with the same key', async () => {
    const [read] = await new PayloadCipher(Buffer.from(key)).decode([await encrypted('"hello"')]);
    expect(Buffer.from(read?.data ?? []).toString()).toBe('"hello"');
    expect(Buffer.from(read?.metadata?.['encoding'] ?? []).toString()).toBe('json/plain');
  });

  it('hides content and kind', async () => {
    const { metadata, data } = await encrypted('"a secret"');
    expect(Object.keys(metadata ?? {})).toEqual(['encoding']);
    expect(isEncrypted({ metadata, data })).toBe(true);
    expect(Buffer.from(data!).includes('secret')).toBe(false);
    expect(Buffer.from(data!).includes('json')).toBe(false);
  });

  it('makes the same bytes of the same content only, so that it is stored once', async () => {
    const [one, same, other] = await Promise.all([encrypted('1'), encrypted('1'), encrypted('2')]);
    expect(Buffer.from(one!.data!).equals(same!.data!)).toBe(true);
    expect(Buffer.from(one!.data!).subarray(0, 12).equals(Buffer.from(other!.data!).subarray(0, 12))).toBe(false);
  });

  it('passes on what was written before runs were encrypted', async () => {
    const plain = payload('1');
    expect(await cipher.decode([plain])).toEqual([plain]);
  });

  it.each(['nonce', 'content', 'tag'])('refuses a payload whose %s was altered', async (part) => {
    const { metadata, data } = await encrypted('"hello"');
    const altered = Buffer.from(data!);
    const at = { nonce: 0, content: 14, tag: altered.length - 1 }[part]!;
    altered[at]! ^= 1;
    await expect(cipher.decode([{ metadata, data: altered }])).rejects.toMatchObject({ reason: 'INVALID_INPUT' });
  });

  it('refuses one that was cut short', async () => {
    const { metadata, data } = await encrypted('"hello"');
    for (const length of [0, 11, 20, data!.length - 1])
      await expect(cipher.decode([{ metadata, data: data!.subarray(0, length) }])).rejects.toMatchObject({
        reason: 'INVALID_INPUT',
      });
  });

  it('refuses what another key encrypted, and says where to look', async () => {
    await expect(new PayloadCipher(randomBytes(32)).decode([await encrypted('1')])).rejects.toThrow(/WEFT_HOME/);
  });

  it('takes no key of another length', () => {
    expect(() => new PayloadCipher(randomBytes(16))).toThrow(/16 bytes/);
  });
});
