import { minAmount } from './money.js';

/** What one method costs (PROTOCOL section 1). Amounts are minor units. */
export interface Price {
  /** Full method name, "package.Service/Method". */
  readonly method: string;
  readonly kind: PriceKind;
  /** Name of the metered unit; empty unless metered. */
  readonly unit: string;
  readonly rate: bigint;
  readonly per: bigint;
  readonly maxAmount: bigint;
}

/** The numbers are those of the signed form. */
export const priceKinds = { free: 0, fixed: 1, metered: 2 } as const;
export type PriceKind = keyof typeof priceKinds;

/** The charge for `units`: metered `min(maxAmount, ceil(units * rate / per))`, fixed `rate`, free nothing. */
export function chargeFor(price: Price, units: bigint): bigint {
  if (price.kind === 'free') return 0n;
  if (price.kind === 'fixed') return price.rate;
  return minAmount(price.maxAmount, (units * price.rate + price.per - 1n) / price.per);
}
