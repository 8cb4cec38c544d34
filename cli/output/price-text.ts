import type { PriceView } from '#client/listing/listing-view.js';

/** "1200 a call", "2 per 100 characters, at most 5000", "free". */
export function priceText({ kind, rate, per, unit, maxAmount }: PriceView): string {
  if (kind === 'free') return 'free';
  if (kind === 'fixed') return `${rate} a call`;
  return `${rate} per ${per === '1' ? unit : `${per} ${unit}s`}, at most ${maxAmount}`;
}
