import { join } from 'node:path';
import { WeftError } from '#core/errors.js';
import { randomSecret, readSecret, secretFile } from '#platform/secrets.js';
import type { Marketplace } from '../marketplace.js';

/** How what runs carry is kept: the same for all that start, run or read workflows of a marketplace. */
export interface Payloads {
  /** Where payloads go that are too large for a history. */
  readonly folder: string;
  /** 32 bytes: payloads are encrypted. Undefined: whoever can read Temporal's histories reads them. */
  readonly key?: Uint8Array;
}

/** The name, in a marketplace's home, of the file that holds the key of payloads. */
export const PAYLOAD_KEY_FILE = 'payloads.key';

/** The payloads of the marketplace at `home`. Throws CONFIG_INVALID if it names a key that cannot be read. */
export function payloadsOf(home: string, { payloadKeyFile }: Pick<Marketplace, 'payloadKeyFile'>): Payloads {
  const folder = join(home, 'payloads');
  if (payloadKeyFile === undefined) return { folder };
  const file = join(home, payloadKeyFile);
  try {
    return { folder, key: Buffer.from(readSecret(file), 'base64url') };
  } catch (error) {
    if (error instanceof WeftError) throw error;
    const what = `the key of this marketplace's payloads cannot be read from ${file}`;
    throw new WeftError('CONFIG_INVALID', what, { file }, { cause: error });
  }
}

/** Makes the key in `home` if there is none. It is never replaced: without it the runs that are there cannot be read. */
export function makePayloadKey(home: string): void {
  secretFile(join(home, PAYLOAD_KEY_FILE), randomSecret);
}
