import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encryptKeystoreJsonSync, Wallet } from 'ethers';
import { writeFileAtomic } from '#platform/secrets.js';
import { ProviderKeys } from '#services/models/provider/provider-keys.js';
import { tempDir } from '#test/support/temp-dir.js';
import { addressOf, findKey, openKey } from './keys.js';

describe('T41 the keys of a home', () => {
  it('are made at first use, found again, and lie encrypted in files that nobody else may read', () => {
    const home = tempDir();
    const { privateKey, address } = openKey(home, 'alice', '--as');
    expect(openKey(home, 'alice', '--as').privateKey).toBe(privateKey);
    expect(openKey(home, 'bob', '--as').address).not.toBe(address);
    for (const name of ['named/alice.json', 'password']) {
      const file = join(home, 'keys', name);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(readFileSync(file, 'utf8')).not.toContain(privateKey.slice(2));
    }
  });

  it('of earlier versions are taken over, and the plain files are gone', () => {
    const home = tempDir();
    const { privateKey } = Wallet.createRandom();
    writeFileAtomic(join(home, 'provider', 'owner.key'), privateKey);
    expect(openKey(home, 'owner', '--as').privateKey).toBe(privateKey);
    expect(readdirSync(join(home, 'provider'))).toEqual([]);
    expect(openKey(home, 'owner', '--as').privateKey).toBe(privateKey);
  });

  it('are found by their address, those of the shipped services too', () => {
    const home = tempDir();
    const alice = openKey(home, 'alice', '--as');
    const shipped = ProviderKeys.open(home).owner(4);
    expect(findKey(home, alice.address)?.privateKey).toBe(alice.privateKey);
    expect(findKey(home, shipped.address.toLowerCase())?.privateKey).toBe(shipped.privateKey);
    expect(findKey(home, Wallet.createRandom().address)).toBeUndefined();
  });
});

test('an address may be given as the name of a key, but a slip in a name makes no key', () => {
  const home = tempDir();
  const { address } = openKey(home, 'alice', '--as');
  expect(addressOf(home, 'alice', 'to')).toBe(address.toLowerCase());
  expect(addressOf(home, address, 'to')).toBe(address.toLowerCase());
  for (const slip of ['alcie', '0x12', '../alice'])
    expect(() => addressOf(home, slip, 'to')).toThrow(
      expect.objectContaining({ reason: 'INVALID_INPUT', details: { field: 'to' } }),
    );
  expect(readdirSync(join(home, 'keys', 'named'))).toEqual(['alice.json']);
});

describe('T41 a key in a file', () => {
  const key = new Wallet(Wallet.createRandom().privateKey);
  const write = (content: string, password?: string) => {
    const folder = tempDir();
    const file = join(folder, 'some.key');
    writeFileAtomic(file, content);
    if (password !== undefined) writeFileAtomic(join(folder, 'password'), password);
    return file;
  };
  const keystore = encryptKeystoreJsonSync({ address: key.address, privateKey: key.privateKey }, 'correct horse', {
    scrypt: { N: 1 << 4 },
  });

  it.each([
    ['64 digits', write(`${key.privateKey.slice(2)}\n`)],
    ['0x and 64 digits', write(key.privateKey)],
    ['a keystore with its password beside it', write(keystore, 'correct horse')],
  ])('may be %s', (_name, file) => {
    expect(openKey(tempDir(), file, '--as').address).toBe(key.address);
  });

  it.each([
    ['something else', write('0x1234'), 'holds neither'],
    ['a keystore with another password', write(keystore, 'wrong'), 'does not open'],
    ['a keystore without a password', write(keystore), 'password is not there'],
    ['nothing', join(tempDir(), 'none'), 'none is not there'],
  ])('that is %s is refused, and its content is not told', (_name, file, message) => {
    expect(() => openKey(tempDir(), file, '--as')).toThrow(
      expect.objectContaining({ reason: 'CONFIG_INVALID', message: expect.stringContaining(message) }),
    );
  });

  it('that others may read is refused', () => {
    const file = join(tempDir(), 'open.key');
    writeFileSync(file, key.privateKey, { mode: 0o644 });
    expect(() => openKey(tempDir(), file, '--as')).toThrow('may be read by others');
  });
});
