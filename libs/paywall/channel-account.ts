import { WeftError } from '#core/errors.js';
import { formatAmount, maxAmount } from '#core/money.js';
import { chargeFor, type Price } from '#core/price.js';
import type { LedgerChannel, LedgerChannelState } from '#payments/provider/ledger-channel.js';
import type { Call, ChannelTerms } from '#payments/typed-data.js';
import { Account } from './account.js';
import type { PaywallLimits } from './limits.js';
import type { VerifiedPayment } from './verify-payment.js';

/** One channel. */
export class ChannelAccount extends Account {
  readonly terms: ChannelTerms;
  state: LedgerChannelState;
  expiresAtSec: number;

  constructor(channel: LedgerChannel) {
    super(channel.id);
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

  override get isOpen(): boolean {
    return this.state === 'OPEN';
  }

  override costOf(price: Price, units: bigint): bigint {
    return chargeFor(price, units);
  }

  override mostOf({ maxAmount: most }: Call): bigint {
    return most;
  }

  override refusalOf(
    { cumulative, version }: VerifiedPayment,
    needed: bigint,
    limits: PaywallLimits,
    nowSec: number,
  ): WeftError | undefined {
    if (this.state === 'RECONCILE')
      return new WeftError('RECONCILE', 'this provider may have lost calls of the channel: send it the receipts first');
    if (this.state !== 'OPEN') return channelClosed();
    if (this.deposited < version.listing.minChannel)
      return new WeftError('CHANNEL_TOO_SMALL', 'the channel holds less than this service asks for', {
        deposited: formatAmount(this.deposited),
        minChannel: formatAmount(version.listing.minChannel),
      });
    if (nowSec + limits.maxCallSec > this.expiresAtSec - limits.claimMarginSec)
      return new WeftError('CHANNEL_EXPIRING', 'the channel is too near its expiry; extend it', {
        expiresAtSec: String(this.expiresAtSec),
        neededUntilSec: String(nowSec + limits.maxCallSec + limits.claimMarginSec),
      });
    const authorised = maxAmount(this.authorised, cumulative);
    const committed = this.spent + this.reserved;
    const amounts = () => ({
      spent: formatAmount(this.spent),
      reserved: formatAmount(this.reserved),
      needed: formatAmount(needed),
      authorised: formatAmount(authorised),
      deposited: formatAmount(this.deposited),
    });
    if (committed + needed > authorised)
      return new WeftError('UNDERPAID', 'the vouchers seen so far leave this call unpaid', amounts());
    if (committed + needed > this.deposited)
      return new WeftError('CHANNEL_EMPTY', 'the channel does not hold enough for this call; top it up', amounts());
    if (this.serving >= limits.maxServingPerChannel)
      return new WeftError('OVERLOADED', 'too many calls of this channel are being served', {
        maxServingPerChannel: String(limits.maxServingPerChannel),
      });
    return undefined;
  }
}

export const channelClosed = (): WeftError =>
  new WeftError('CHANNEL_CLOSED', 'the channel is closed, or being closed; open another');
