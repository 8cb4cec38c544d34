import { WeftError } from '#core/errors.js';
import { parseAmount } from '#core/money.js';
import type { Price } from '#core/price.js';

const metered = /^(\d+)\s*\/\s*(?:(\d+)\s*)?([a-z][a-z-]{0,31}),?\s*max(?:\s*=\s*|\s+)(\d+)$/;

/**
 * A price as people write it: "free", "1200" (a call), "1/20 character, max 5000" (metered).
 * `method` is the full name; `field` names it in the error.
 */
export function parsePrice(text: string, method: string, field: string): Price {
  const words = text.trim();
  const flat = { method, unit: '', per: 1n };
  if (words === 'free') return { ...flat, kind: 'free', rate: 0n, maxAmount: 0n };
  if (/^\d+$/.test(words)) {
    const rate = parseAmount(words, field);
    return { ...flat, kind: 'fixed', rate, maxAmount: rate };
  }
  const [, rate = '', per = '', unit = '', max = ''] = metered.exec(words) ?? [];
  if (unit === '')
    throw new WeftError('INVALID_INPUT', `${field}: write "free", "1200" or "1/20 character, max 5000"`, { field });
  const units = BigInt(per === '' ? '1' : per);
  if (units === 0n || units >= 2n ** 64n)
    throw new WeftError('INVALID_INPUT', `${field}: the number of units must be 1 or more`, { field });
  return {
    method,
    kind: 'metered',
    unit,
    per: units,
    rate: parseAmount(rate, field),
    maxAmount: parseAmount(max, field),
  };
}
