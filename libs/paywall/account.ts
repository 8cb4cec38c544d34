import type { WeftError } from '#core/errors.js';
import { maxAmount, minAmount } from '#core/money.js';
import type { Price } from '#core/price.js';
import type { Call } from '#payments/typed-data.js';
import { keyOf } from '#platform/key-of.js';
import type { PaywallLimits } from './limits.js';
import type { VerifiedPayment } from './verify-payment.js';

/**
 * What pays for calls, in memory: what the ledger said last, and what this process has promised on it since. A channel
 * counts minor units, a pass counts calls, and of other licences every call takes nothing.
 */
export abstract class Account {
  readonly key: string;
  /** The highest voucher or use seen, perhaps not durable yet: it goes with the next charge. */
  authorised = 0n;
  voucher: Uint8Array | undefined;
  spent = 0n;
  calls = 0n;
  /** How far `spent` may ever go. */
  deposited = 0n;
  claimed = 0n;
  /** Held for calls being served here. */
  reserved = 0n;
  serving = 0;
  /** Whether something was served on it since it was last read from the chain in the background. */
  used = false;
  /** Set when a commit's fate is unknown: the ledger is read again before anything is admitted. */
  stale = false;

  constructor(readonly id: Uint8Array) {
    this.key = keyOf(id);
  }

  /** Whether it still pays for anything. */
  abstract get isOpen(): boolean;

  /** What a call that used so many units takes of it. */
  abstract costOf(price: Price, units: bigint): bigint;

  /** The most that a call may take of it. */
  abstract mostOf(call: Call): bigint;

  /** Why a call that needs `needed` of it may not be served now; undefined if it may. Changes nothing. */
  abstract refusalOf(
    verified: VerifiedPayment,
    needed: bigint,
    limits: PaywallLimits,
    nowSec: number,
  ): WeftError | undefined;

  /** Notes a verified voucher or use. They come in any order; only a higher one counts. */
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
