import { hkdfSync } from 'node:crypto';
import { encodeWords } from '../abi.js';
import { SigningKey } from '../signature.js';
import type { Domain } from '../typed-data.js';

/**
 * The keys that sign vouchers, one for each channel, made from one secret and the channel's own terms. So no secret
 * stands in the database, and a wallet whose database is lost still has the keys of the channels the chain shows.
 */
export class ChannelKeys {
  readonly #seed: Buffer;
  /** Making a key costs as much as signing with it. */
  readonly #made = new WeakMap<object, SigningKey>();

  /** `seed`: 32 random bytes of this wallet alone; another wallet of the same payer has another. */
  constructor(
    seed: Uint8Array,
    private readonly domain: Domain,
  ) {
    if (seed.length !== 32) throw new RangeError('the seed of the channel keys has 32 bytes');
    this.#seed = Buffer.from(seed);
  }

  /** The same object of terms gets the same key without making it again. */
  key(terms: { asset: bigint; tenure: number; salt: bigint }): SigningKey {
    const known = this.#made.get(terms);
    if (known !== undefined) return known;
    const { chainId, verifyingContract } = this.domain;
    const info = Buffer.concat([
      Buffer.from('weft channel signer 1'),
      encodeWords([chainId, verifyingContract, terms.asset, terms.tenure, terms.salt]),
    ]);
    const key = new SigningKey(Buffer.from(hkdfSync('sha256', this.#seed, Buffer.alloc(0), info, 32)));
    this.#made.set(terms, key);
    return key;
  }
}
