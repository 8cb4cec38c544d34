import type { Head } from '#contracts/assets.js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import type { Price } from '#core/price.js';
import { type MethodDefinition, methodPath, type ServiceDefinition } from '#core/service-definition.js';
import { messageDigest } from '#payments/digests.js';
import type { SigningKey } from '#payments/signature.js';
import { gateOf, type TokenGate } from '#payments/token-gate.js';
import { hashListing, type Listing } from '#payments/typed-data.js';
import { keyOf } from '#platform/key-of.js';

/** A service for money: what is served, under which listing, and the key that signs its receipts. */
export interface Offer {
  readonly service: ServiceDefinition;
  readonly listing: Listing;
  /** The docs that were signed with the listing. They may demand a token of every caller, which is held to then. */
  readonly docs?: Uint8Array;
  /** Earlier versions, still served for their `honourSec` after they were replaced. */
  readonly superseded?: readonly Listing[];
  /** The asset's operator. */
  readonly operator: SigningKey;
}

/** One version of a listing. */
export interface ListingVersion {
  readonly listing: Listing;
  /** 32 bytes. */
  readonly digest: Buffer;
  readonly operator: SigningKey;
  readonly prices: ReadonlyMap<string, Price>;
  /** What callers must hold; of an earlier version what the newest one demands. */
  readonly gate: TokenGate | undefined;
}

/** One method that calls may come in for. */
export interface Route {
  /** "package.Service/Method" */
  readonly method: string;
  readonly definition: MethodDefinition;
  /** The version that calls without payment are told about. */
  readonly newest: ListingVersion;
  /** By listing digest, latin1. */
  readonly versions: ReadonlyMap<string, ListingVersion>;
}

/** Routes by path ("/package.Service/Method"). Throws CONFIG_INVALID for offers that cannot be served. */
export function routesOf(offers: readonly Offer[], escrow: Uint8Array): Map<string, Route> {
  const routes = new Map<string, Route>();
  for (const offer of offers) {
    const listings = [offer.listing, ...(offer.superseded ?? [])];
    const gate = gateIn(offer);
    const versions = listings.map((listing) => versionOf(listing, offer, escrow, gate));
    const byDigest = new Map(versions.map((version) => [keyOf(version.digest), version]));
    for (const definition of Object.values(offer.service.methods)) {
      const method = methodPath(offer.service, definition).slice(1);
      if (routes.has(`/${method}`)) throw invalid(`${method} is offered twice`);
      // Who calls for free proves nothing, and so not that he holds something either.
      if (gate !== undefined && versions.some(({ prices }) => prices.get(method)?.kind === 'free'))
        throw invalid(
          `${method} is free: a listing that demands a token must have a price, or licences, for each method`,
        );
      const paid = versions.some(({ prices }) => (prices.get(method)?.kind ?? 'free') !== 'free');
      if (paid && definition.requestStream)
        throw invalid(`${method} takes a stream of requests and cannot be paid for`);
      routes.set(`/${method}`, { method, definition, newest: versions[0]!, versions: byDigest });
    }
  }
  return routes;
}

function gateIn({ docs, listing }: Offer): TokenGate | undefined {
  if (docs === undefined) return undefined;
  if (!messageDigest(docs).equals(listing.docsDigest))
    throw invalid(`the docs of listing ${listing.version} of asset ${listing.asset} are not those that were signed`);
  try {
    return gateOf(docs);
  } catch (cause) {
    throw new WeftError('CONFIG_INVALID', `the docs of asset ${listing.asset} cannot be read`, {}, { cause });
  }
}

function versionOf(listing: Listing, offer: Offer, escrow: Uint8Array, gate: TokenGate | undefined): ListingVersion {
  const name = `listing ${listing.version} of asset ${listing.asset}`;
  if (Buffer.compare(listing.escrow, escrow) !== 0) throw invalid(`${name} names another escrow`);
  if (listing.asset !== offer.listing.asset || listing.tenure !== offer.listing.tenure)
    throw invalid(`${name} is not of asset ${offer.listing.asset} in tenure ${offer.listing.tenure}`);
  for (const price of listing.prices) {
    if (price.kind === 'metered' && price.per === 0n) throw invalid(`${name}: ${price.method} counts per 0 units`);
    if (price.kind === 'fixed' && price.maxAmount < price.rate)
      throw invalid(`${name}: ${price.method} costs more than its own maximum`);
  }
  const prices = new Map(listing.prices.map((price) => [price.method, price]));
  return { listing, digest: hashListing(listing), operator: offer.operator, prices, gate };
}

const invalid = (message: string): WeftError => new WeftError('CONFIG_INVALID', message);

/** Throws unless the chain says that this version may be charged for now. `newest` is the listing in force, if we serve it. */
export function checkStanding(
  version: ListingVersion,
  head: Head,
  inForce: ListingVersion | undefined,
  nowSec: number,
): void {
  const { listing, digest, operator } = version;
  if (head.tenure !== listing.tenure)
    throw notInForce(version, `the asset is in tenure ${head.tenure} now, the listing is of tenure ${listing.tenure}`);
  if (!operator.address.equals(head.operator)) throw notInForce(version, 'the asset has another operator now');
  if (digest.equals(head.listing)) return;
  if (head.listing.every((byte) => byte === 0)) throw notInForce(version, 'the asset is not offered at present');
  if (head.listingVersion <= listing.version) throw notInForce(version, 'the listing is not in force (yet)');
  // An unknown successor is one that a newer process serves; whether it names this version cannot be seen from here.
  const named = inForce === undefined || digest.equals(inForce.listing.previous);
  if (named && nowSec < head.listedAtSec + listing.honourSec) return;
  throw new WeftError('LISTING_SUPERSEDED', 'the listing was replaced by a newer version; ask for a new quote', {
    listing: toHex(digest),
    inForce: toHex(head.listing),
  });
}

const notInForce = ({ digest }: ListingVersion, why: string): WeftError =>
  new WeftError('LISTING_NOT_IN_FORCE', why, { listing: toHex(digest) });
