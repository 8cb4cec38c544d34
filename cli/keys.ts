import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { decryptKeystoreJsonSync, isKeystoreJson, Wallet } from 'ethers';
import { WeftError } from '#core/errors.js';
import { hasCode } from '#platform/has-code.js';
import { keystoreFile } from '#platform/keystore.js';
import { randomSecret, readSecret, secretFile } from '#platform/secrets.js';
import { ProviderKeys } from '#services/models/provider/provider-keys.js';
import { devKey } from './up/dev-account.js';

/** The names under which `weft publish` keeps the keys of what it offers. */
export const OWNER = 'owner';
export const OPERATOR = 'operator';
/** The funded account of a local test chain: everybody has its key. */
const DEV = 'dev';

const isName = (who: string): boolean => /^[a-z][a-z0-9-]{0,31}$/.test(who);
const folderOf = (home: string): string => join(home, 'keys', 'named');

/**
 * A key of this home by its name, in an encrypted keystore that is made at first use; or one from a file of mode 0600:
 * a keystore whose password is in a file `password` beside it, or 64 hexadecimal digits. `field` names it in errors.
 */
export function openKey(home: string, who: string, field: string): Wallet {
  if (who === DEV) return new Wallet(devKey());
  return isName(who) ? namedKey(home, who) : keyInFile(who, field);
}

/** An address as it is written, or that of a key of this home by its name; a name that is new is refused: it may be a slip. */
export function addressOf(home: string, text: string, field: string): string {
  if (/^0x[0-9a-fA-F]{40}$/.test(text)) return text.toLowerCase();
  if (text === DEV || (isName(text) && existsSync(join(folderOf(home), `${text}.json`))))
    return openKey(home, text, field).address.toLowerCase();
  throw new WeftError(
    'INVALID_INPUT',
    `${field}: "${text}" is neither an address (0x and 40 hexadecimal digits) nor the name of a key of this home`,
    { field },
  );
}

/** The key of this home with that address, if it has one: among the named ones, and those of the shipped services' owners. */
export function findKey(home: string, address: string): Wallet | undefined {
  const wanted = address.toLowerCase();
  for (const file of namedFiles(home))
    if (addressIn(join(folderOf(home), file)) === wanted) return namedKey(home, file.slice(0, -'.json'.length));
  if (!existsSync(join(home, 'keys', 'provider.json'))) return undefined;
  const keys = ProviderKeys.open(home);
  for (let n = 0; n < MOST_OWNERS; n++) {
    const owner = keys.owner(n);
    if (owner.address.toLowerCase() === wanted) return new Wallet(owner.privateKey);
  }
  return undefined;
}

/** More than services are shipped. */
const MOST_OWNERS = 32;

function namedFiles(home: string): string[] {
  try {
    return readdirSync(folderOf(home)).filter((file) => file.endsWith('.json'));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** As keystores tell it without being opened; undefined for a file that is none. */
function addressIn(file: string): string | undefined {
  try {
    const { address } = JSON.parse(readFileSync(file, 'utf8')) as { address: string };
    return `0x${address.replace(/^0x/, '').toLowerCase()}`;
  } catch {
    return undefined;
  }
}

function namedKey(home: string, name: string): Wallet {
  const password = secretFile(join(home, 'keys', 'password'), randomSecret);
  // Homes of earlier versions kept these two as they are.
  const plain = join(home, 'provider', `${name}.key`);
  const { privateKey } = keystoreFile(join(folderOf(home), `${name}.json`), password, () => {
    const { address, privateKey } = existsSync(plain) ? keyInFile(plain, name) : Wallet.createRandom();
    return { address, privateKey };
  });
  rmSync(plain, { force: true });
  return new Wallet(privateKey);
}

function keyInFile(file: string, field: string): Wallet {
  const text = secretIn(file, field);
  if (/^(0x)?[0-9a-fA-F]{64}$/.test(text)) return new Wallet(text.startsWith('0x') ? text : `0x${text}`);
  if (!isKeystoreJson(text))
    throw new WeftError(
      'CONFIG_INVALID',
      `${file} holds neither a keystore nor a private key of 64 hexadecimal digits`,
      {
        field,
      },
    );
  const password = secretIn(join(dirname(file), 'password'), field);
  try {
    return new Wallet(decryptKeystoreJsonSync(text, password).privateKey);
  } catch {
    throw new WeftError('CONFIG_INVALID', `${file} does not open with the password beside it`, { field });
  }
}

function secretIn(file: string, field: string): string {
  try {
    return readSecret(file);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    throw new WeftError('CONFIG_INVALID', `${file} is not there`, { field, file });
  }
}
