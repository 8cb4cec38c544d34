import { WeftError } from '#core/errors.js';
import { sameBytes } from '#core/hex.js';
import { formatAmount, parseAmount } from '#core/money.js';
import type { Price, PriceKind } from '#core/price.js';
import { SIGNATURE_LENGTH } from '#payments/signature.js';
import type { Listing } from '#payments/typed-data.js';
import * as proto from '#protos/weft/registry/v1/registry.js';
import { parseEndpoint } from './endpoint.js';
import { docsDigest, readDocs } from './listing-docs.js';

/** A listing as it travels. */
export interface SignedListing {
  readonly listing: Listing;
  /** 64 bytes, by the asset's operator. */
  readonly signature: Uint8Array;
  /** JSON whose sha-256 the listing carries. */
  readonly docs: Uint8Array;
}

export const MIN_RETAIN_SEC = 86_400;
const MAX_PRICES = 200;
const MAX_ENDPOINTS = 8;
const UINT24 = 2 ** 24;
const UINT40 = 2n ** 40n;
const methodPattern = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\/[A-Za-z_]\w*$/;

function invalid(field: string, must: string): never {
  throw new WeftError('LISTING_INVALID', `${field} must ${must}`, { field });
}

/** Checks size, shape and sense of every field, and that `docs` are the listing's. Throws LISTING_INVALID; checks no signature. */
export function readSignedListing(message: proto.SignedListing | undefined): SignedListing {
  const { listing, signature, docs } = message ?? invalid('signed', 'be set');
  if (signature.length !== SIGNATURE_LENGTH) invalid('signature', `have ${SIGNATURE_LENGTH} bytes`);
  const read = readListing(listing);
  readDocs(docs);
  if (!sameBytes(docsDigest(docs), read.docsDigest)) invalid('docs', 'have the digest that the listing carries');
  return { listing: read, signature, docs };
}

export const writeSignedListing = ({ listing, signature, docs }: SignedListing): proto.SignedListing => ({
  listing: writeListing(listing),
  signature,
  docs,
});

export function readListing(message: proto.Listing | undefined): Listing {
  const l = message ?? invalid('listing', 'be set');
  const bytes = (value: Uint8Array, field: string, length: number) =>
    value.length === length ? value : invalid(field, `have ${length} bytes, not ${value.length}`);
  if (l.asset < 1n || l.asset >= 2n ** 48n) invalid('asset', 'be an asset’s id, 1 or more');
  if (l.tenure < 1) invalid('tenure', 'be 1 or more');
  if (l.version < 1 || l.version >= UINT24) invalid('version', 'be 1 to 2^24 - 1');
  if (l.retainSec < MIN_RETAIN_SEC) invalid('retainSec', `be at least ${MIN_RETAIN_SEC}`);
  if (l.publishedAtSec >= UINT40) invalid('publishedAtSec', 'be unix seconds below 2^40');
  return {
    asset: l.asset,
    tenure: l.tenure,
    version: l.version,
    previous: bytes(l.previous, 'previous', 32),
    contractDigest: bytes(l.contractDigest, 'contractDigest', 32),
    prices: readPrices(l.prices),
    endpoints: readEndpoints(l.endpoints),
    docsDigest: bytes(l.docsDigest, 'docsDigest', 32),
    escrow: bytes(l.escrow, 'escrow', 20),
    minChannel: amount(l.minChannel, 'minChannel'),
    honourSec: l.honourSec,
    retainSec: l.retainSec,
    publishedAtSec: Number(l.publishedAtSec),
  };
}

export const writeListing = (listing: Listing): proto.Listing => ({
  ...listing,
  prices: listing.prices.map((price) => ({
    ...price,
    kind: kindNumbers[price.kind],
    rate: formatAmount(price.rate),
    maxAmount: formatAmount(price.maxAmount),
  })),
  endpoints: [...listing.endpoints],
  minChannel: formatAmount(listing.minChannel),
  publishedAtSec: BigInt(listing.publishedAtSec),
});

const kindNumbers: Record<PriceKind, proto.PriceKind> = {
  free: proto.PriceKind.PRICE_KIND_FREE,
  fixed: proto.PriceKind.PRICE_KIND_FIXED,
  metered: proto.PriceKind.PRICE_KIND_METERED,
};
const kindNames = new Map(Object.entries(kindNumbers).map(([name, number]) => [number, name as PriceKind]));

function readPrices(prices: readonly proto.Price[]): Price[] {
  if (prices.length < 1 || prices.length > MAX_PRICES) invalid('prices', `be 1 to ${MAX_PRICES}`);
  const methods = new Set(prices.map(({ method }) => method));
  if (methods.size !== prices.length) invalid('prices', 'name every method once');
  return prices.map((price, i) => readPrice(price, `prices[${i}]`));
}

function readPrice(price: proto.Price, path: string): Price {
  const { method, unit, per } = price;
  const kind = kindNames.get(price.kind) ?? invalid(`${path}.kind`, 'be free, fixed or metered');
  if (method.length > 512 || !methodPattern.test(method)) invalid(`${path}.method`, 'be "package.Service/Method"');
  const rate = amount(price.rate, `${path}.rate`);
  const maxAmount = amount(price.maxAmount, `${path}.maxAmount`);
  if (kind === 'metered') {
    if (!/^[a-z][a-z0-9_]{0,31}$/.test(unit)) invalid(`${path}.unit`, 'be the name of a unit, 1 to 32 of a-z, 0-9, _');
    if (per < 1n) invalid(`${path}.per`, 'be 1 or more');
    if (rate < 1n || maxAmount < 1n) invalid(path, 'have a rate and a maximum above zero: what costs nothing is free');
  } else {
    if (unit !== '') invalid(`${path}.unit`, 'be empty unless the price is metered');
    if (per !== 1n) invalid(`${path}.per`, 'be 1 unless the price is metered');
    if (rate !== maxAmount) invalid(`${path}.maxAmount`, 'be the rate unless the price is metered');
    if ((kind === 'free') !== (rate === 0n)) invalid(`${path}.rate`, 'be zero exactly when the price is free');
  }
  return { method, kind, unit, rate, per, maxAmount };
}

function readEndpoints(endpoints: readonly string[]): string[] {
  if (endpoints.length < 1 || endpoints.length > MAX_ENDPOINTS) invalid('endpoints', `be 1 to ${MAX_ENDPOINTS}`);
  endpoints.forEach((each, i) => {
    parseEndpoint(each, `endpoints[${i}]`);
  });
  if (new Set(endpoints).size !== endpoints.length) invalid('endpoints', 'be different from each other');
  return [...endpoints];
}

function amount(text: string, field: string): bigint {
  try {
    return parseAmount(text, field);
  } catch {
    return invalid(field, 'be a whole number of minor units below 2^96, written in decimal');
  }
}
