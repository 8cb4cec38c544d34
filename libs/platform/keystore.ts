import { readFileSync } from 'node:fs';
import {
  decryptKeystoreJson,
  decryptKeystoreJsonSync,
  encryptKeystoreJsonSync,
  isKeystoreJson,
  type KeystoreAccount,
} from 'ethers';
import { WeftError } from '#core/errors.js';
import { secretFile } from './secrets.js';

/** The passwords are as random as the keys themselves, so that a dearer scrypt would only slow the start. */
const SCRYPT = { scrypt: { N: 1 << 13 } };

/**
 * An account in an encrypted keystore of mode 0600, made with `create` the first time: a stolen copy is worth nothing
 * without the password. Errors: CONFIG_INVALID.
 */
export function keystoreFile(path: string, password: string, create: () => KeystoreAccount): KeystoreAccount {
  const json = secretFile(path, () => encryptKeystoreJsonSync(create(), password, SCRYPT));
  try {
    return decryptKeystoreJsonSync(json, password);
  } catch {
    throw new WeftError('CONFIG_INVALID', `${path} does not open with its password`, { path });
  }
}

/** The account in a keystore that somebody else made: geth, cast, a browser's wallet. Errors: CONFIG_INVALID. */
export async function openKeystore(path: string, password: () => Promise<string>): Promise<KeystoreAccount> {
  let json: string;
  try {
    json = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new WeftError('CONFIG_INVALID', `the keystore ${path} cannot be read`, { path }, { cause });
  }
  if (!isKeystoreJson(json)) throw new WeftError('CONFIG_INVALID', `${path} is no encrypted keystore`, { path });
  const given = await password();
  return await decryptKeystoreJson(json, given).catch(() => {
    throw new WeftError('CONFIG_INVALID', `${path} does not open with that password; try again`, { path });
  });
}
