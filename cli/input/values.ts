import { WeftError } from '#core/errors.js';
import { parseAmount } from '#core/money.js';

const refuse = (message: string, field: string): never => {
  throw new WeftError('INVALID_INPUT', message, { field });
};

/** The id of an asset. `field` names it in errors. */
export function parseAsset(text: string, field = 'asset'): bigint {
  if (!/^[1-9]\d{0,18}$/.test(text)) refuse(`${text} is not the id of an asset: a whole number from 1 on`, field);
  return BigInt(text);
}

/** An amount that is more than nothing, in minor units or shares. */
export function parsePositive(text: string, field: string): bigint {
  const amount = parseAmount(text, field);
  if (amount === 0n) refuse(`${field} must be more than 0`, field);
  return amount;
}

/** "2.5%" in basis points. */
export function parsePercent(text: string, field: string, max = 10_000): number {
  const [, whole = '', part = ''] = /^(\d{1,3})(?:\.(\d{1,2}))?\s*%$/.exec(text.trim()) ?? [];
  if (whole === '') refuse(`${field}: write a share as "2.5%"`, field);
  const bps = Number(whole) * 100 + Number(part.padEnd(2, '0'));
  if (bps > max) refuse(`${field}: ${text} is more than ${max / 100}%`, field);
  return bps;
}

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** "90s", "30m", "12h", "7d" in seconds. */
export function parseDuration(text: string, field: string): number {
  const [, digits = '', unit = ''] = /^([1-9]\d{0,5})\s*([smhd])$/.exec(text.trim()) ?? [];
  const seconds = units[unit];
  if (seconds === undefined) return refuse(`${field}: write a time as "90s", "30m", "12h" or "7d"`, field);
  return Number(digits) * seconds;
}
