import { hkdfSync } from 'node:crypto';
import { toHex } from '#core/hex.js';
import { encodeWords } from '../abi.js';
import { SigningKey } from '../signature.js';
import type { Domain } from '../typed-data.js';

/**
 * The keys that sign vouchers and uses, one for each channel and each signer of a licence, made from one secret and the channel's own terms. So no secret
 * stands in the database, and a wallet whose database is lost still has the keys of the channels the chain shows.
 */
export class ChannelKeys {
  readonly #seed: Buffer;
  /** Making a key costs as much as signing with it. */
  readonly #made = new WeakMap<object, SigningKey>();
  readonly #ofLicences = new Map<string, SigningKey>();

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

  /** Of the signer that the chain names, or named last; of one that never had any, the first. */
  presentLicenceKey(licenceId: Uint8Array, { signerNumber }: { readonly signerNumber: number }): SigningKey {
    return this.licenceKey(licenceId, Math.max(signerNumber, 1));
  }

  /** Of a licence's n-th signer. */
  licenceKey(licenceId: Uint8Array, signerNumber: number): SigningKey {
    const name = `${signerNumber} ${toHex(licenceId)}`;
    const known = this.#ofLicences.get(name);
    if (known !== undefined) return known;
    const { chainId, verifyingContract } = this.domain;
    const info = Buffer.concat([
      Buffer.from('weft licence signer 1'),
      encodeWords([chainId, verifyingContract, licenceId, signerNumber]),
    ]);
    const key = new SigningKey(Buffer.from(hkdfSync('sha256', this.#seed, Buffer.alloc(0), info, 32)));
    if (this.#ofLicences.size > 1_000) this.#ofLicences.clear();
    this.#ofLicences.set(name, key);
    return key;
  }
}
