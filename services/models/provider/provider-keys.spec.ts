import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { HDNodeWallet, Wallet } from 'ethers';
import { tempDir } from '#test/support/temp-dir.js';
import { ProviderKeys } from './provider-keys.js';

describe('the keys of the shipped services', () => {
  it('T41 lie encrypted, for their owner alone, and are the same after a restart', async () => {
    const home = tempDir();
    const keys = ProviderKeys.open(home);
    const folder = join(home, 'keys');
    expect(readdirSync(folder).sort()).toEqual(['password', 'provider.json']);
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    const json = readFileSync(join(folder, 'provider.json'), 'utf8');
    for (const key of [keys.operator, keys.owner(0)]) expect(json).not.toContain(key.privateKey.slice(2));
    await expect(Wallet.fromEncryptedJson(json, 'guess')).rejects.toBeDefined();
    expect(ProviderKeys.open(home).operator.address).toBe(keys.operator.address);
    writeFileSync(join(folder, 'password'), 'not the one');
    expect(() => ProviderKeys.open(home)).toThrow(/provider.json does not open with its password/);
  });

  it('T41 of an earlier home are taken over, and their plain file is gone', () => {
    const home = tempDir();
    const { phrase } = HDNodeWallet.createRandom().mnemonic!;
    mkdirSync(join(home, 'keys'));
    const plain = join(home, 'keys/provider.mnemonic');
    writeFileSync(plain, phrase, { mode: 0o600 });
    const owner = HDNodeWallet.fromPhrase(phrase, undefined, "m/44'/60'/0'/0/3");
    for (let i = 0; i < 2; i++) expect(ProviderKeys.open(home).owner(2).address).toBe(owner.address);
    expect(existsSync(plain)).toBe(false);
  });
});
