import { WeftError } from '#core/errors.js';
import { formatAmount, maxAmount, minAmount } from '#core/money.js';
import type { LedgerChannel, LedgerChannelState } from '#payments/provider/ledger-channel.js';
import type { ChannelTerms } from '#payments/typed-data.js';
import { keyOf } from '#platform/key-of.js';
import type { PaywallLimits } from './limits.js';
import type { VerifiedPayment } from './verify-payment.js';

/** One channel in memory: what the ledger said last, and what this process has promised on it since. */
export class Account {
  readonly id: Uint8Array;
  readonly key: string;
  readonly terms: ChannelTerms;
  state: LedgerChannelState;
  /** The highest voucher seen, perhaps not durable yet: it goes with the next charge. */
  authorised: bigint;
  voucher: Uint8Array | undefined;
  spent: bigint;
  calls: bigint;
  deposited: bigint;
  claimed: bigint;
  expiresAtSec: number;
  /** Held for calls being served here. */
  reserved = 0n;
  serving = 0;
  /** Whether something was served on it since it was last read from the chain in the background. */
  used = false;
  /** Set when a commit's fate is unknown: the ledger is read again before anything is admitted. */
  stale = false;

  constructor(channel: LedgerChannel) {
    this.id = channel.id;
    this.key = keyOf(channel.id);
    this.terms = channel.terms;
    this.state = channel.state;
    this.authorised = channel.authorised;
    this.voucher = channel.voucher;
    this.spent = channel.spent;
    this.calls = channel.calls;
    this.deposited = channel.deposited;
    this.claimed = channel.claimed;
    this.expiresAtSec = channel.expiresAtSec;
  }

  /** Takes over a row read from the ledger. Answers may come out of order, so what only grows is never lowered. */
  take(channel: LedgerChannel): void {
    this.state = channel.state;
    this.deposited = channel.deposited;
    this.claimed = channel.claimed;
    this.expiresAtSec = channel.expiresAtSec;
    this.calls = maxAmount(this.calls, channel.calls);
    this.spent = maxAmount(this.spent, channel.spent);
    if (channel.voucher !== undefined) this.see(channel.authorised, channel.voucher);
    this.authorised = maxAmount(this.authorised, channel.authorised);
    this.stale = false;
  }

  /** Notes a verified voucher. Vouchers come in any order; only a higher one counts. */
  see(cumulative: bigint, voucher: Uint8Array): void {
    if (cumulative <= this.authorised) return;
    this.authorised = cumulative;
    this.voucher = voucher;
  }

  /** What a new call that brings a voucher over `cumulative` may cost at most. */
  roomWith(cumulative: bigint): bigint {
    return minAmount(maxAmount(this.authorised, cumulative), this.deposited) - this.spent - this.reserved;
  }

  hold(amount: bigint): void {
    this.reserved += amount;
    this.serving += 1;
    this.used = true;
  }

  release(amount: bigint): void {
    this.reserved -= amount;
    this.serving -= 1;
  }
}

/** Why a call that needs `needed` of the account may not be served now; undefined if it may. Changes nothing. */
export function refusalOf(
  account: Account,
  { payment, version }: VerifiedPayment,
  needed: bigint,
  limits: PaywallLimits,
  nowSec: number,
): WeftError | undefined {
  if (account.state === 'RECONCILE')
    return new WeftError('RECONCILE', 'this provider may have lost calls of the channel: send it the receipts first');
  if (account.state !== 'OPEN') return channelClosed();
  if (account.deposited < version.listing.minChannel)
    return new WeftError('CHANNEL_TOO_SMALL', 'the channel holds less than this service asks for', {
      deposited: formatAmount(account.deposited),
      minChannel: formatAmount(version.listing.minChannel),
    });
  if (nowSec + limits.maxCallSec > account.expiresAtSec - limits.claimMarginSec)
    return new WeftError('CHANNEL_EXPIRING', 'the channel is too near its expiry; extend it', {
      expiresAtSec: String(account.expiresAtSec),
      neededUntilSec: String(nowSec + limits.maxCallSec + limits.claimMarginSec),
    });
  const authorised = maxAmount(account.authorised, payment.cumulative);
  const committed = account.spent + account.reserved;
  const amounts = () => ({
    spent: formatAmount(account.spent),
    reserved: formatAmount(account.reserved),
    needed: formatAmount(needed),
    authorised: formatAmount(authorised),
    deposited: formatAmount(account.deposited),
  });
  if (committed + needed > authorised)
    return new WeftError('UNDERPAID', 'the vouchers seen so far leave this call unpaid', amounts());
  if (committed + needed > account.deposited)
    return new WeftError('CHANNEL_EMPTY', 'the channel does not hold enough for this call; top it up', amounts());
  if (account.serving >= limits.maxServingPerChannel)
    return new WeftError('OVERLOADED', 'too many calls of this channel are being served', {
      maxServingPerChannel: String(limits.maxServingPerChannel),
    });
  return undefined;
}

export const channelClosed = (): WeftError =>
  new WeftError('CHANNEL_CLOSED', 'the channel is closed, or being closed; open another');
