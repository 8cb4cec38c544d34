import { WeftError } from './errors.js';

/** Amounts are minor units of an ERC-20: `bigint` inside, decimal strings on every wire, at most uint96 (as in the contracts). */
export const MAX_AMOUNT = 2n ** 96n - 1n;

const decimal = /^(0|[1-9][0-9]{0,28})$/;

/** Reads a decimal string of minor units. `field` names it in the error. */
export function parseAmount(text: string, field: string): bigint {
  if (!decimal.test(text))
    throw new WeftError('INVALID_INPUT', `${field} must be a whole number of minor units, written in decimal`, {
      field,
    });
  const amount = BigInt(text);
  if (amount > MAX_AMOUNT)
    throw new WeftError('INVALID_INPUT', `${field} is above the largest amount, 2^96 - 1`, { field });
  return amount;
}

export const formatAmount = (amount: bigint): string => amount.toString(10);

/** Minor units as people read them: 1234500n with 6 decimals is "1.2345". */
export function formatUnits(amount: bigint, decimals: number): string {
  const sign = amount < 0n ? '-' : '';
  const digits = (amount < 0n ? -amount : amount).toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  let end = digits.length;
  while (end > whole.length && digits[end - 1] === '0') end--;
  return sign + (end === whole.length ? whole : `${whole}.${digits.slice(whole.length, end)}`);
}

export const minAmount = (a: bigint, b: bigint): bigint => (a < b ? a : b);
export const maxAmount = (a: bigint, b: bigint): bigint => (a > b ? a : b);
