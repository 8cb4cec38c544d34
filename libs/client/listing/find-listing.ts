import { WeftError } from '#core/errors.js';
import { fromHex, toHex } from '#core/hex.js';
import type { Price } from '#core/price.js';
import type { Directory, ListingRecord } from './directory.js';
import type { ListingVerifier, VerifiedListing } from './verify-listing.js';

/** What is looked for. Name one of `listing`, `asset` and `service`; `contractDigest` narrows a service to one version. */
export interface Wanted {
  /** Listing digest, 32 bytes. */
  readonly listing?: Uint8Array;
  readonly asset?: bigint;
  /** Full name. */
  readonly service?: string;
  readonly contractDigest?: Uint8Array;
  /** Short or full name of the method that will be called; its maximum is what "cheapest" compares. */
  readonly method?: string;
  /** The most that one call of `method` may cost, in minor units. */
  readonly maxPrice?: bigint;
}

const MAX_CANDIDATES = 500;

/** The price that a listing asks for a method (short or full name); undefined if it does not offer it. */
export function priceOf({ listing, contract }: VerifiedListing, method: string): Price | undefined {
  const full = method.includes('/') ? method : `${contract.service}/${method}`;
  return listing.prices.find((price) => price.method === full);
}

/**
 * The cheapest offer that fits, is served, and holds against the chain. Offers that do not hold are passed over.
 * Throws LISTING_UNKNOWN if there is none, PRICE_ABOVE_LIMIT if only the price is in the way; for one named listing or
 * asset, what is against it.
 */
export async function findListing(
  directory: Directory,
  verifier: ListingVerifier,
  wanted: Wanted,
): Promise<VerifiedListing> {
  const verify = async (record: ListingRecord): Promise<VerifiedListing> =>
    verifier.verify(record, await directory.contract(record.listing.contractDigest));
  if (wanted.listing !== undefined || wanted.asset !== undefined) {
    const key = wanted.listing === undefined ? { asset: wanted.asset ?? 0n } : { digest: wanted.listing };
    const found = await verify(await directory.get(key));
    const price = wanted.method === undefined ? undefined : priceOf(found, wanted.method);
    if (wanted.method !== undefined && price === undefined) throw notOffered(found, wanted.method);
    if (price !== undefined && isAbove(price, wanted)) throw tooDear(price, wanted);
    return found;
  }

  const candidates = await offersOf(directory, wanted);
  let dear: Price | undefined;
  for (const { record, price } of candidates) {
    if (price !== undefined && isAbove(price, wanted)) {
      dear ??= price;
      continue;
    }
    try {
      return await verify(record);
    } catch (error) {
      // The chain decides for all of them; any other refusal only takes this offer out.
      if (error instanceof WeftError && error.retryable) throw error;
    }
  }
  if (dear !== undefined) throw tooDear(dear, wanted);
  throw new WeftError('LISTING_UNKNOWN', `nobody offers ${nameOf(wanted)} at present`, { wanted: nameOf(wanted) });
}

interface Offer {
  readonly record: ListingRecord;
  readonly price: Price | undefined;
}

/** Cheapest first, then the older asset. */
async function offersOf(directory: Directory, wanted: Wanted): Promise<Offer[]> {
  const filter = {
    ...(wanted.service === undefined ? {} : { service: wanted.service }),
    ...(wanted.contractDigest === undefined ? {} : { contractDigest: wanted.contractDigest }),
  };
  const offers: Offer[] = [];
  for await (const record of directory.list(filter)) {
    if (!record.isServing || record.status !== 'active') continue;
    const full = wanted.method?.includes('/') ? wanted.method : `${record.service}/${wanted.method}`;
    const price = record.listing.prices.find(({ method }) => method === full);
    if (wanted.method !== undefined && price === undefined) continue;
    offers.push({ record, price });
    if (offers.length === MAX_CANDIDATES) break;
  }
  const cost = ({ record, price }: Offer): bigint =>
    price?.maxAmount ?? record.listing.prices.reduce((sum, each) => sum + each.maxAmount, 0n);
  return offers.sort((a, b) => compare(cost(a), cost(b)) || compare(a.record.listing.asset, b.record.listing.asset));
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

const isAbove = (price: Price, { maxPrice }: Wanted): boolean => maxPrice !== undefined && price.maxAmount > maxPrice;

const tooDear = (price: Price, { maxPrice }: Wanted): WeftError =>
  new WeftError('PRICE_ABOVE_LIMIT', `${price.method} costs up to ${price.maxAmount}, more than ${maxPrice}`, {
    method: price.method,
    price: String(price.maxAmount),
    limit: String(maxPrice),
  });

const notOffered = ({ contract, digest }: VerifiedListing, method: string): WeftError =>
  new WeftError('UNKNOWN_METHOD', `listing ${toHex(digest)} offers no ${method} of ${contract.service}`, { method });

function nameOf({ service, contractDigest, method }: Wanted): string {
  const name = service ?? (contractDigest === undefined ? 'anything' : `contract ${toHex(contractDigest)}`);
  return method === undefined ? name : `${name} with ${method}`;
}

/** "0x…" is a listing's digest, digits are an asset, anything else is a service's full name. */
export function wantedFrom(text: string): Wanted {
  if (/^0x/i.test(text)) return { listing: fromHex(text, 'listing', 32) };
  if (/^[0-9]{1,15}$/.test(text)) return { asset: BigInt(text) };
  return { service: text };
}
