import { createHash } from 'node:crypto';
import { WeftError } from '#core/errors.js';
import { fromHex, toHex } from '#core/hex.js';
import { maxAmount, minAmount } from '#core/money.js';
import type { JobRequirement, Requirement } from '#core/requirement.js';
import type { JobWants, OpenedQuote, PinRequest, Wallet } from '#payments/payer/wallet.js';
import { streamByJob } from './call/paid-caller.js';
import { methodOf } from './contract/methods.js';
import { type NamedLicence, namedLicences } from './named-licences.js';
import { type Market, select } from './select.js';

/** Whoever can find offers and have them paid. */
export interface QuoteMaker {
  readonly wallet: Wallet;
  readonly market: Market;
}

export interface QuoteOrder {
  /** 32 bytes; the same id gets the same quote. */
  readonly quoteId: Uint8Array;
  readonly requirements: readonly Requirement[];
  /** Ids of licences of the wallet's: they admit the calls of what they are for, which cost nothing then. */
  readonly licences?: readonly Uint8Array[];
  /** The most that all calls may cost together; none means their sum. */
  readonly maxTotal?: bigint;
  /** Whether calls are allowed that `maxTotal` would not pay for all together: it then ends them when it is spent. */
  readonly capped?: boolean;
}

const LIFETIME_SEC = 86_400;
const LONGEST_LIFETIME_SEC = 29 * 86_400;

/**
 * The listing and price that each requirement would be called at now. Pays and signs nothing. Throws LICENCE_FOREIGN if
 * nothing is called where a licence is good: whoever named it expects not to pay.
 */
export async function pinRequirements(
  market: Market,
  requirements: readonly Requirement[],
  licenceIds: readonly Uint8Array[] = [],
): Promise<PinRequest[]> {
  const licences = await namedLicences(market, licenceIds);
  const pins = await Promise.all(
    requirements.map(async (requirement): Promise<PinRequest> => {
      const { offer, price, licence } = await select(market, requirement, licences);
      const { asset, tenure, endpoints, minChannel } = offer.listing;
      const { step, method, calls, job } = requirement;
      if (job !== undefined && methodOf(offer.contract, method).responseStream) throw streamByJob(step);
      const { digest: listing, operator } = offer;
      return {
        step,
        method,
        calls,
        listing,
        asset,
        tenure,
        operator,
        endpoints,
        minChannel,
        ...(licence === undefined ? { maxPerCall: price.maxAmount } : { maxPerCall: 0n, licence: licence.licenceId }),
        ...(job === undefined ? {} : { job: wantsOf(job, step) }),
      };
    }),
  );
  for (const licence of licences) checkUsed(licence, pins);
  return pins;
}

function checkUsed({ licenceId, asset, tenure }: NamedLicence, pins: readonly PinRequest[]): void {
  const isUsed = pins.some((pin) => pin.asset === asset && pin.tenure === tenure && pin.maxPerCall === 0n);
  if (isUsed) return;
  const licence = toHex(licenceId);
  const message = `licence ${licence} is for asset ${asset} in tenure ${tenure}, and admits nothing that is called here`;
  throw new WeftError('LICENCE_FOREIGN', message, {
    field: 'licences',
    licence,
    asset: String(asset),
    tenure: String(tenure),
  });
}

/** Long enough for the run to go on when its longest job has been evaluated, as far as wallets allow. */
function lifetimeOf(pins: readonly PinRequest[]): number {
  const longest = pins.reduce(
    (most, { job }) => Math.max(most, job === undefined ? 0 : job.spanSec + job.reviewSec),
    0,
  );
  return Math.min(LIFETIME_SEC + longest, LONGEST_LIFETIME_SEC);
}

const wantsOf = ({ evaluator, ...times }: JobRequirement, step: string): JobWants => ({
  ...times,
  evaluator: evaluator === 'workflow' ? undefined : fromHex(evaluator, `${step}.evaluator`, 20),
});

/** The most that the pinned calls can cost. */
export const totalOf = (pins: readonly PinRequest[]): bigint =>
  pins.reduce((sum, { calls, maxPerCall }) => sum + BigInt(calls) * maxPerCall, 0n);

/**
 * Finds, verifies and pins what is wanted and opens the wallet's quote for it. Throws PRICE_ABOVE_LIMIT or
 * QUOTE_ABOVE_LIMIT before the wallet has signed or moved anything.
 */
export async function openQuote(maker: QuoteMaker, order: QuoteOrder): Promise<OpenedQuote> {
  // A retry takes the pins of the first time: prices and offers may have changed since.
  const known = await statusOf(maker.wallet, order.quoteId);
  const pins = known?.pins ?? (await pinRequirements(maker.market, order.requirements, order.licences));
  const sum = totalOf(pins);
  const dearest = pins.reduce((most, { maxPerCall }) => maxAmount(most, maxPerCall), 0n);
  const total =
    order.capped && order.maxTotal !== undefined && order.maxTotal >= dearest ? minAmount(sum, order.maxTotal) : sum;
  if (order.maxTotal !== undefined && total > order.maxTotal)
    throw new WeftError('QUOTE_ABOVE_LIMIT', `the calls may cost ${total} together, and ${order.maxTotal} is allowed`, {
      total: String(total),
      maxTotal: String(order.maxTotal),
    });
  return maker.wallet.openQuote({
    quoteId: order.quoteId,
    pins,
    maxTotal: total,
    expiresAtSec: known?.quote.expiresAtSec ?? Math.floor(Date.now() / 1_000) + lifetimeOf(pins),
  });
}

/** Opens a quote again as it was: fills its channels, and lets a run that was reset go on. */
export async function reopenQuote(wallet: Wallet, quoteId: Uint8Array): Promise<OpenedQuote> {
  const { quote, pins } = await wallet.quoteStatus(quoteId);
  return wallet.openQuote({ quoteId, pins, maxTotal: quote.maxTotal, expiresAtSec: quote.expiresAtSec });
}

/** The id of a run's quote. */
export const quoteIdOf = (runKey: string): Buffer =>
  createHash('sha256').update('weft/quote/1\0').update(runKey, 'utf8').digest();

async function statusOf(wallet: Wallet, quoteId: Uint8Array) {
  try {
    return await wallet.quoteStatus(quoteId);
  } catch (error) {
    if (WeftError.from(error).reason === 'QUOTE_UNKNOWN') return undefined;
    throw error;
  }
}
