import { WeftError } from '#core/errors.js';
import { fromHex } from '#core/hex.js';
import type { Requirement } from '#core/requirement.js';
import type { Directory, ListingRecord } from './directory.js';
import type { ListingVerifier, VerifiedListing } from './verify-listing.js';

export interface Finder {
  readonly directory: Directory;
  readonly verifier: ListingVerifier;
}

/** More offers of one service than these are not looked at, whether they hold or not. */
const MAX_CANDIDATES = 500;

/**
 * Verified offers for a requirement: those of its service that have its method and are served now. An offer that does
 * not hold is passed over, unless the requirement names it: then what is against it is thrown.
 */
export async function findOffers(finder: Finder, requirement: Requirement): Promise<VerifiedListing[]> {
  const { service, method, step, choice } = requirement;
  if (choice.listing !== undefined)
    return [await verified(finder, { digest: fromHex(choice.listing, `${step}.listing`, 32) })];
  if (choice.asset !== undefined) return [await verified(finder, { asset: assetIn(choice.asset, `${step}.asset`) })];
  return offersOf(finder, service, (record) => record.listing.prices.some((price) => price.method === method));
}

/**
 * One verified listing: by its digest ("0x…"), as the one in force of an asset ("12"), or as the cheapest of a service
 * (its full name). Throws LISTING_UNKNOWN, or what is against the one that was named.
 */
export async function findListing(finder: Finder, name: string): Promise<VerifiedListing> {
  if (/^0x/i.test(name)) return verified(finder, { digest: fromHex(name, 'listing', 32) });
  if (/^[0-9]/.test(name)) return verified(finder, { asset: assetIn(name, 'asset') });
  const [cheapest] = (await offersOf(finder, name)).sort((a, b) => compare(costOf(a), costOf(b)) || byAsset(a, b));
  if (cheapest !== undefined) return cheapest;
  throw new WeftError('LISTING_UNKNOWN', `nobody offers ${name.slice(0, 100)} at present`, {
    service: name.slice(0, 100),
  });
}

async function verified(
  { directory, verifier }: Finder,
  key: { digest: Uint8Array } | { asset: bigint },
): Promise<VerifiedListing> {
  const record = await directory.get(key);
  return verifier.verify(record, await directory.contract(record.listing.contractDigest));
}

async function offersOf(
  { directory, verifier }: Finder,
  service: string,
  fits: (record: ListingRecord) => boolean = () => true,
): Promise<VerifiedListing[]> {
  const found: VerifiedListing[] = [];
  let candidates = 0;
  for await (const record of directory.list({ service })) {
    if (++candidates > MAX_CANDIDATES) break;
    if (!record.isServing || record.status !== 'active' || record.service !== service || !fits(record)) continue;
    try {
      found.push(await verifier.verify(record, await directory.contract(record.listing.contractDigest)));
    } catch (error) {
      // Chain or registry gone concerns all offers; any other refusal concerns this one.
      if (error instanceof WeftError && error.retryable) throw error;
    }
  }
  return found;
}

function assetIn(text: string, field: string): bigint {
  if (/^[1-9][0-9]{0,14}$/.test(text)) return BigInt(text);
  throw new WeftError('INVALID_INPUT', `${field} must be an asset's id, a number from 1 on`, { field });
}

const costOf = ({ listing }: VerifiedListing): bigint =>
  listing.prices.reduce((sum, { maxAmount }) => sum + maxAmount, 0n);

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
const byAsset = (a: VerifiedListing, b: VerifiedListing): number => compare(a.listing.asset, b.listing.asset);
