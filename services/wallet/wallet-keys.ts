import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { decryptKeystoreJsonSync, encryptKeystoreJsonSync, Wallet } from 'ethers';
import { WeftError } from '#core/errors.js';
import { fromHex } from '#core/hex.js';
import { readSecret, secretFile } from '#platform/secrets.js';

export interface WalletKeys {
  /** Funds channels and signs quotes. */
  readonly payer: Wallet;
  /** From which the channels' keys are made; of this wallet alone. */
  readonly channelSeed: Uint8Array;
  /** Secrets of the tokens that programs of this machine find in files. */
  readonly tokens: { readonly admin: string; readonly spend: string };
}

export const walletFolder = (home: string): string => join(home, 'wallet');

/** The password is as random as the keys themselves, so that a dearer scrypt would only slow the start. */
const SCRYPT = { scrypt: { N: 1 << 13 } };

/**
 * Keys and tokens of a wallet; made the first time. All files have mode 0600, and the two secrets are encrypted: a
 * stolen copy of either keystore is worth nothing without the password file. Errors: CONFIG_INVALID.
 */
export function openKeys(home: string, passwordFile?: string): WalletKeys {
  const file = (name: string) => join(walletFolder(home), name);
  const password = passwordFile === undefined ? secretFile(file('password'), randomSecret) : readSecret(passwordFile);
  const keystore = (name: string): string => {
    const json = secretFile(file(name), () => encrypt(Wallet.createRandom().privateKey, password));
    try {
      return decryptKeystoreJsonSync(json, password).privateKey;
    } catch {
      throw new WeftError('CONFIG_INVALID', `${file(name)} does not open with the wallet's password`, {
        path: file(name),
      });
    }
  };
  return {
    payer: new Wallet(keystore('payer.json')),
    channelSeed: fromHex(keystore('channels.json'), 'channels.json', 32),
    tokens: {
      admin: secretFile(file('admin.token'), randomSecret),
      spend: secretFile(file('spend.token'), randomSecret),
    },
  };
}

const randomSecret = (): string => randomBytes(32).toString('base64url');

function encrypt(privateKey: string, password: string): string {
  const { address } = new Wallet(privateKey);
  return encryptKeystoreJsonSync({ address, privateKey }, password, SCRYPT);
}
