import { WeftError } from '#core/errors.js';

export interface BudgetLimits {
  /** The most that all calls may cost, in minor units. */
  readonly maxTotal: bigint;
  /** The most that one call may cost. Default: `maxTotal`. */
  readonly maxPerCall?: bigint;
}

/**
 * What an agent may spend, counted outside of the model. It stands in front of the wallet's own limits, which hold
 * whatever this process does. A call that failed counts with all it might have cost: whoever serves it holds a voucher
 * for so much, and what he says about it proves nothing.
 */
export class Budget {
  private committed = 0n;

  constructor(private readonly limits: BudgetLimits) {}

  /** What is left. */
  get left(): bigint {
    return this.limits.maxTotal - this.committed;
  }

  /** Sets `most` aside for one call before anything leaves; `settle` says what it came to. Throws LIMIT_EXCEEDED. */
  reserve(most: bigint): { settle(amount: bigint): void } {
    const { maxTotal, maxPerCall = maxTotal } = this.limits;
    if (most > maxPerCall) throw exceeded(`one call may cost ${most}, and ${maxPerCall} is allowed`, most, maxPerCall);
    if (most > this.left)
      throw exceeded(`the call may cost ${most}, and ${this.left} is left to spend`, most, this.left);
    this.committed += most;
    let isOpen = true;
    return {
      settle: (amount) => {
        if (!isOpen) return;
        isOpen = false;
        this.committed -= most - amount;
      },
    };
  }
}

const exceeded = (message: string, price: bigint, limit: bigint): WeftError =>
  new WeftError('LIMIT_EXCEEDED', message, { price: String(price), limit: String(limit) });
