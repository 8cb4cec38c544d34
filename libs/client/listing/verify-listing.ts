import { isDeepStrictEqual } from 'node:util';
import { methodsOf } from '#client/contract/methods.js';
import type { Contract } from '#client/contract/read-contract.js';
import type { Assets, Head } from '#contracts/assets.js';
import { WeftError } from '#core/errors.js';
import { sameBytes, toHex } from '#core/hex.js';
import { recover } from '#payments/signature.js';
import { assetsDomain, type Domain, hashListing, type Listing, signingHash } from '#payments/typed-data.js';
import { type ListingDocs, readDocs } from './listing-docs.js';
import type { SignedListing } from './listing-wire.js';

/** A listing that was held against the chain: its owner put it in force, its operator signed it, its contract is this one. */
export interface VerifiedListing {
  /** 32 bytes. */
  readonly digest: Buffer;
  readonly listing: Listing;
  /** Whose key signs receipts at present, 20 bytes. */
  readonly operator: Uint8Array;
  readonly contract: Contract;
  readonly docs: ListingDocs;
  /** Unix seconds until which it may still be paid, if a newer one has replaced it. */
  readonly honouredUntilSec: number | undefined;
}

export interface ListingVerifierOptions {
  readonly assets: Assets;
  /** The same by a second node, of somebody else: what it does not show as well is not believed. */
  readonly witness?: Assets;
  /** Of Assets, which listings are signed under. */
  readonly domain: Domain;
  /** The only escrow that may be paid into, 20 bytes: from configuration, never from a listing. */
  readonly escrow: Uint8Array;
  /** The listing of that digest, from anywhere; needed only to judge one that was replaced. */
  readonly newer?: (digest: Uint8Array) => Promise<SignedListing | undefined>;
  /** How long what the chain said counts, in milliseconds. Default 60,000; 0 asks every time. */
  readonly lifetimeMs?: number;
  readonly now?: () => number;
}

interface ChainView {
  readonly head: Head;
  readonly atMs: number;
}

const MAX_KEPT = 1_000;

/**
 * Holds listings against the chain (PROTOCOL section 7). What the chain says of an asset is asked at most once in
 * `lifetimeMs`; between that, verifying costs no JSON-RPC and, for a listing seen before, no signature either.
 */
export class ListingVerifier {
  readonly #separator: Buffer;
  readonly #lifetimeMs: number;
  readonly #now: () => number;
  readonly #heads = new Map<bigint, Promise<ChainView>>();
  readonly #verified = new Map<string, { view: ChainView; result: VerifiedListing }>();

  constructor(private readonly options: ListingVerifierOptions) {
    this.#separator = assetsDomain(options.domain);
    this.#lifetimeMs = options.lifetimeMs ?? 60_000;
    this.#now = options.now ?? Date.now;
  }

  /**
   * Throws LISTING_NOT_IN_FORCE, LISTING_SUPERSEDED, BAD_SIGNATURE, WRONG_ESCROW, CONTRACT_MISMATCH, LISTING_INVALID
   * (prices that do not fit the contract) or CHAIN_UNAVAILABLE.
   */
  async verify(signed: SignedListing, contract: Contract): Promise<VerifiedListing> {
    const { listing } = signed;
    const digest = hashListing(listing);
    checkAgainstContract(listing, contract);
    if (!sameBytes(listing.escrow, this.options.escrow))
      throw new WeftError(
        'WRONG_ESCROW',
        `the listing of asset ${listing.asset} wants to be paid through escrow ${toHex(listing.escrow)}, not ${toHex(this.options.escrow)}`,
        { field: 'escrow', escrow: toHex(listing.escrow) },
      );
    const view = await this.#view(listing.asset);
    const known = this.#verified.get(digest.toString('hex'));
    if (known !== undefined && known.view === view && known.result.contract === contract)
      return this.#stillHonoured(known.result);
    const honouredUntilSec = await this.#honouredUntil(listing, digest, view.head);
    await this.#checkSigner(signed, digest, view.head);
    const result: VerifiedListing = {
      digest,
      listing,
      operator: view.head.operator,
      contract,
      docs: readDocs(signed.docs),
      honouredUntilSec,
    };
    keep(this.#verified, digest.toString('hex'), { view, result });
    return result;
  }

  /** Forgets what the chain said of an asset: the next question goes to the chain. */
  forget(asset: bigint): void {
    this.#heads.delete(asset);
  }

  async #view(asset: bigint): Promise<ChainView> {
    const known = this.#heads.get(asset);
    if (known !== undefined && this.#now() - (await known).atMs < this.#lifetimeMs) return known;
    const atMs = this.#now();
    const asking = this.#head(asset).then((head) => ({ head, atMs }));
    keep(this.#heads, asset, asking);
    asking.catch(() => {
      if (this.#heads.get(asset) === asking) this.#heads.delete(asset);
    });
    return asking;
  }

  async #head(asset: bigint): Promise<Head> {
    const { assets, witness } = this.options;
    const [head, seen] = await Promise.all([assets.head(asset), witness?.head(asset)]);
    if (witness !== undefined && !isDeepStrictEqual(head, seen))
      throw new WeftError('CHAIN_UNAVAILABLE', `two nodes of the chain do not agree about asset ${asset}; try again`, {
        asset: String(asset),
      });
    return head;
  }

  /** Undefined for the listing in force. */
  async #honouredUntil(listing: Listing, digest: Buffer, head: Head): Promise<number | undefined> {
    const { asset, tenure, version } = listing;
    const details = { asset: String(asset), listing: toHex(digest) };
    const notInForce = (why: string): never => {
      throw new WeftError('LISTING_NOT_IN_FORCE', `listing ${toHex(digest)} is not in force: ${why}`, details);
    };
    if (head.tenure === 0) notInForce(`there is no asset ${asset} on this chain`);
    if (head.tenure !== tenure) notInForce(`asset ${asset} is in tenure ${head.tenure}, the listing is of ${tenure}`);
    if (isZero(head.listing)) notInForce(`asset ${asset} offers nothing at present`);
    if (isZero(head.operator)) notInForce(`nobody signs receipts for asset ${asset} at present`);
    if (sameBytes(head.listing, digest)) {
      if (head.listingVersion !== version)
        notInForce(`the chain has it as version ${head.listingVersion}, it says ${version} of itself`);
      return undefined;
    }
    const newer = await this.options.newer?.(head.listing);
    if (
      newer === undefined ||
      !sameBytes(hashListing(newer.listing), head.listing) ||
      !sameBytes(newer.listing.previous, digest)
    )
      return notInForce(`asset ${asset} offers ${toHex(head.listing)}, which does not follow it directly`);
    const untilSec = head.listedAtSec + listing.honourSec;
    if (this.#nowSec() >= untilSec) throw superseded(digest, untilSec);
    return untilSec;
  }

  #stillHonoured(result: VerifiedListing): VerifiedListing {
    const { honouredUntilSec: untilSec } = result;
    if (untilSec !== undefined && this.#nowSec() >= untilSec) throw superseded(result.digest, untilSec);
    return result;
  }

  /** The operator's signature, or that of one who was the operator earlier in this tenure. */
  async #checkSigner({ listing, signature }: SignedListing, digest: Buffer, head: Head): Promise<void> {
    const signer = recover(signingHash(this.#separator, digest), signature);
    if (signer !== undefined) {
      if (sameBytes(signer, head.operator)) return;
      const span = await this.options.assets.span(listing.asset, signer);
      if (span?.tenure === listing.tenure) return;
    }
    const who = signer === undefined ? 'nobody' : toHex(signer);
    throw new WeftError('BAD_SIGNATURE', `the listing is signed by ${who}, not by the operator of its asset`, {
      field: 'signature',
      asset: String(listing.asset),
    });
  }

  #nowSec(): number {
    return Math.floor(this.#now() / 1000);
  }
}

/** The contract is the listing's, and its prices are for methods that it has. */
export function checkAgainstContract(listing: Listing, contract: Contract): void {
  if (!sameBytes(listing.contractDigest, contract.digest))
    throw new WeftError(
      'CONTRACT_MISMATCH',
      `the listing is for contract ${toHex(listing.contractDigest)}, this one is ${toHex(contract.digest)}`,
      { field: 'contractDigest', service: contract.service },
    );
  const methods = new Map(methodsOf(contract).map((method) => [method.fullName, method]));
  listing.prices.forEach(({ method }, i) => {
    const field = `prices[${i}].method`;
    const found = methods.get(method);
    const why =
      found === undefined ? `is no method of ${contract.service}` : 'takes a stream, which cannot be paid for';
    if (found === undefined || found.requestStream)
      throw new WeftError('LISTING_INVALID', `${field}: ${method} ${why}`, { field });
  });
}

const superseded = (digest: Buffer, untilSec: number): WeftError =>
  new WeftError(
    'LISTING_SUPERSEDED',
    `listing ${toHex(digest)} was replaced and honoured until ${new Date(untilSec * 1000).toISOString()}`,
    { listing: toHex(digest), honouredUntilSec: String(untilSec) },
  );

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

/** The oldest goes when there are too many: keys come from strangers. */
function keep<K, V>(map: Map<K, V>, key: K, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > MAX_KEPT) map.delete(map.keys().next().value as K);
}
