import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';
import { METADATA_ENCODING_KEY, type Payload, type PayloadCodec } from '@temporalio/common';
import { decode, encode } from '@temporalio/common/lib/encoding.js';
import proto from '@temporalio/proto';
import { WeftError } from '#core/errors.js';

const PayloadMessage = proto.temporal.api.common.v1.Payload;

const ENCODING = 'binary/weft-encrypted';
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Encrypts all that a run puts into its history or into the payload store with AES-256-GCM, so that Temporal, its
 * database and whoever reads them see sizes only. The nonce is a keyed hash of the content: it can only repeat for the
 * same content, which is then the same file in the store, so a picture that goes through ten steps is still kept once.
 * What somebody learns by that is that two payloads are equal.
 */
export class PayloadCipher implements PayloadCodec {
  readonly #contentKey: Uint8Array;
  readonly #nonceKey: Uint8Array;

  /** `key`: 32 bytes. */
  constructor(key: Uint8Array) {
    if (key.length !== 32)
      throw new WeftError('CONFIG_INVALID', `the key of payloads has ${key.length} bytes instead of 32`);
    this.#contentKey = derive(key, 'weft/payload/content/1');
    this.#nonceKey = derive(key, 'weft/payload/nonce/1');
  }

  async encode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => this.#encrypt(payload));
  }

  /** What was written before runs were encrypted stays readable. */
  async decode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => (isEncrypted(payload) ? this.#decrypt(payload) : payload));
  }

  #encrypt(payload: Payload): Payload {
    const content = PayloadMessage.encode(payload).finish();
    const nonce = createHmac('sha256', this.#nonceKey).update(content).digest().subarray(0, NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#contentKey, nonce);
    const data = Buffer.concat([nonce, cipher.update(content), cipher.final(), cipher.getAuthTag()]);
    return { metadata: { [METADATA_ENCODING_KEY]: encode(ENCODING) }, data };
  }

  #decrypt({ data }: Payload): Payload {
    const bytes = data ?? new Uint8Array();
    try {
      const decipher = createDecipheriv(CIPHER, this.#contentKey, bytes.subarray(0, NONCE_BYTES));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      const content = [decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()];
      return PayloadMessage.decode(Buffer.concat(content));
    } catch (error) {
      const what =
        'a payload of this run was encrypted with another key, or altered: is WEFT_HOME the one it ran with?';
      throw new WeftError('INVALID_INPUT', what, {}, { cause: error });
    }
  }
}

export const isEncrypted = ({ metadata }: Payload): boolean =>
  metadata?.[METADATA_ENCODING_KEY] !== undefined && decode(metadata[METADATA_ENCODING_KEY]) === ENCODING;

const derive = (key: Uint8Array, use: string): Uint8Array => Buffer.from(hkdfSync('sha256', key, '', use, 32));
