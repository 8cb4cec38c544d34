import { join } from 'node:path';
import { Wallet } from 'ethers';
import { fromHex } from '#core/hex.js';
import { keystoreFile } from '#platform/keystore.js';
import { randomSecret, readSecret, secretFile } from '#platform/secrets.js';

export interface WalletKeys {
  /** Funds channels and signs quotes. */
  readonly payer: Wallet;
  /** From which the channels' keys are made; of this wallet alone. */
  readonly channelSeed: Uint8Array;
  /** Secrets of the tokens that programs of this machine find in files. */
  readonly tokens: { readonly admin: string; readonly spend: string };
}

export const walletFolder = (home: string): string => join(home, 'wallet');

/**
 * Keys and tokens of a wallet; made the first time. All files have mode 0600, and the two secrets are encrypted: a
 * stolen copy of either keystore is worth nothing without the password file. Errors: CONFIG_INVALID.
 */
export function openKeys(home: string, passwordFile?: string): WalletKeys {
  const file = (name: string) => join(walletFolder(home), name);
  const password = passwordFile === undefined ? secretFile(file('password'), randomSecret) : readSecret(passwordFile);
  const keystore = (name: string): string =>
    keystoreFile(file(name), password, () => {
      const { address, privateKey } = Wallet.createRandom();
      return { address, privateKey };
    }).privateKey;
  return {
    payer: new Wallet(keystore('payer.json')),
    channelSeed: fromHex(keystore('channels.json'), 'channels.json', 32),
    tokens: {
      admin: secretFile(file('admin.token'), randomSecret),
      spend: secretFile(file('spend.token'), randomSecret),
    },
  };
}
