import { randomBytes } from 'node:crypto';
import { type LicenceOffer, licenceKinds } from '#contracts/licences.js';
import { WeftError } from '#core/errors.js';
import { parseAmount } from '#core/money.js';

export interface OfferOptions {
  readonly kind: string;
  readonly price: string;
  readonly days?: string;
  readonly calls?: string;
  readonly exclusive?: boolean;
  readonly transferable?: boolean;
  readonly refundable?: boolean;
  readonly revocable?: boolean;
}

const DAY_SEC = 86_400;

/** The terms that a command line states, for the present tenure of an asset. Errors: INVALID_INPUT. */
export function offerOf(options: OfferOptions, { asset, tenure }: { asset: bigint; tenure: number }): LicenceOffer {
  const kind = licenceKinds.find((each) => each === options.kind);
  if (kind === undefined) throw invalid('--kind', `must be one of ${licenceKinds.join(', ')}`);
  const days = whole(options.days, '--days', 366);
  const calls = whole(options.calls, '--calls', 1_000_000_000_000);
  if ((kind === 'subscription' || kind === 'rental') && days === 0)
    throw invalid('--days', `must say how long a ${kind} runs`);
  if (kind === 'perpetual' && days !== 0)
    throw invalid('--days', 'must not be given: what is perpetual does not lapse');
  if ((kind === 'pass') !== calls > 0)
    throw invalid('--calls', kind === 'pass' ? 'must say how many calls a pass has' : `is for a pass, not a ${kind}`);
  if (options.exclusive && kind !== 'rental') throw invalid('--exclusive', 'is for a rental');
  if (options.refundable && days === 0)
    throw invalid('--refundable', 'needs --days: what never lapses would keep its money for ever');
  if (options.revocable && !options.refundable)
    throw invalid('--revocable', 'needs --refundable: who ends a licence pays back the rest');
  return {
    asset,
    tenure,
    kind,
    price: parseAmount(options.price, '--price'),
    spanSec: days * DAY_SEC,
    exclusive: options.exclusive === true,
    transferable: options.transferable === true,
    calls: BigInt(calls),
    salt: randomBytes(8).readBigUInt64BE(),
    refundable: options.refundable === true,
    revocable: options.revocable === true,
  };
}

function whole(text: string | undefined, field: string, most: number): number {
  if (text === undefined) return 0;
  const value = /^[1-9][0-9]{0,12}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > most) throw invalid(field, `must be a whole number from 1 to ${most}`);
  return value;
}

const invalid = (field: string, what: string): WeftError =>
  new WeftError('INVALID_INPUT', `${field} ${what}`, { field });
