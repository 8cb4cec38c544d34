import type { LicenceState } from '#contracts/licences.js';
import { WeftError } from '#core/errors.js';
import { fromHex, sameBytes } from '#core/hex.js';
import { parseAmount } from '#core/money.js';
import type { Price } from '#core/price.js';
import type { Requirement } from '#core/requirement.js';
import { type Finder, findOffers } from './listing/find-listing.js';
import type { VerifiedListing } from './listing/verify-listing.js';
import type { NamedLicence } from './named-licences.js';

/** Where offers are found, what they are held against, how fast they are, and what licences are for. */
export interface Market extends Finder {
  /** How long an endpoint takes to answer, in milliseconds; rejects if it does not. */
  measure(endpoint: string): Promise<number>;
  /** As the chain shows it now. Errors: CHAIN_UNAVAILABLE. */
  licence(id: Uint8Array): Promise<LicenceState>;
}

/** How many providers are asked how fast they are, the cheapest first. */
const MAX_RACERS = 16;

export interface Selection {
  readonly offer: VerifiedListing;
  readonly price: Price;
  /** Admits the calls, which cost nothing then, whatever the price. */
  readonly licence?: NamedLicence;
}

/**
 * The offer that fits a requirement best: one that a licence is for, else by price or speed. Throws LISTING_UNKNOWN if
 * none fits, CONTRACT_MISMATCH if they are of other versions of the contract, PRICE_ABOVE_LIMIT if all cost more than
 * the requirement allows.
 */
export async function select(
  market: Market,
  requirement: Requirement,
  licences: readonly NamedLicence[] = [],
): Promise<Selection> {
  const { method, choice } = requirement;
  const priced = (await findOffers(market, requirement)).flatMap((offer) => {
    const price = offer.listing.prices.find((each) => each.method === method);
    return price === undefined ? [] : [{ offer, price }];
  });
  if (priced.length === 0)
    throw refusal('LISTING_UNKNOWN', requirement, `nobody${wanted(requirement)} offers ${method}`);
  const fitting = priced.filter(({ offer }) => isCompiledFor(offer, requirement));
  if (fitting.length === 0)
    throw refusal(
      'CONTRACT_MISMATCH',
      requirement,
      `what is offered of ${method} has another contract than the caller`,
    );
  const licensed = requirement.job === undefined ? licensedOf(fitting, licences) : undefined;
  if (licensed !== undefined) return licensed;
  const limit = parseAmount(requirement.maxPrice, `${requirement.step}.maxPrice`);
  const affordable = fitting.filter(({ price }) => price.maxAmount <= limit).sort(byPrice);
  const [cheapest] = affordable;
  if (cheapest === undefined) {
    const [least] = fitting.sort(byPrice);
    throw refusal(
      'PRICE_ABOVE_LIMIT',
      requirement,
      `${method} costs up to ${least?.price.maxAmount} a call, and ${limit} is allowed`,
      { price: String(least?.price.maxAmount), maxPrice: String(limit) },
    );
  }
  return choice.prefer === 'fastest' && affordable.length > 1 ? fastest(affordable, market) : cheapest;
}

const isCompiledFor = ({ listing }: VerifiedListing, { step, contract }: Requirement): boolean =>
  contract === undefined || sameBytes(listing.contractDigest, fromHex(contract, `${step}.contract`, 32));

/** What is free for everybody needs no licence. */
function licensedOf(selections: readonly Selection[], licences: readonly NamedLicence[]): Selection | undefined {
  for (const { offer, price } of selections) {
    const { asset, tenure } = offer.listing;
    const licence = licences.find((each) => each.asset === asset && each.tenure === tenure);
    if (licence !== undefined && price.maxAmount > 0n) return { offer, price, licence };
  }
  return undefined;
}

/** Equal prices go to the older asset, so that everybody chooses the same. */
const byPrice = (a: Selection, b: Selection): number =>
  Number(a.price.maxAmount - b.price.maxAmount) || Number(a.offer.listing.asset - b.offer.listing.asset);

/** Whoever answers first; whoever does not answer comes last. */
async function fastest(selections: readonly Selection[], market: Market): Promise<Selection> {
  const timed = await Promise.all(
    selections.slice(0, MAX_RACERS).map(async (selection) => {
      const [endpoint = ''] = selection.offer.listing.endpoints;
      return { selection, ms: await market.measure(endpoint).catch(() => Number.POSITIVE_INFINITY) };
    }),
  );
  const [first] = timed.sort((a, b) => (a.ms === b.ms ? byPrice(a.selection, b.selection) : a.ms - b.ms));
  return (first as (typeof timed)[number]).selection;
}

const wanted = ({ choice }: Requirement): string =>
  (choice.listing === undefined ? '' : ` with listing ${choice.listing}`) +
  (choice.asset === undefined ? '' : ` with asset ${choice.asset}`);

const refusal = (
  reason: 'LISTING_UNKNOWN' | 'CONTRACT_MISMATCH' | 'PRICE_ABOVE_LIMIT',
  { step, method }: Requirement,
  message: string,
  details: Record<string, string> = {},
) => new WeftError(reason, message, { step, method, ...details });
