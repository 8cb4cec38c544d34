import { WeftError } from './errors.js';

export const DAY_SEC = 86_400;

/** Days since 1970, as UTC counts them. */
export const utcDay = (sec: number): number => Math.floor(sec / DAY_SEC);

/** "2026-11-28" */
export const dayText = (day: number): string => new Date(day * DAY_SEC * 1000).toISOString().slice(0, 10);

/** Errors: INVALID_INPUT. */
export function parseDay(text: string, field: string): number {
  const day = /^\d{4}-\d\d-\d\d$/.test(text) ? utcDay(Date.parse(`${text}T00:00:00Z`) / 1000) : Number.NaN;
  // Date.parse takes the 30th of February for the 2nd of March.
  if (Number.isNaN(day) || dayText(day) !== text)
    throw new WeftError('INVALID_INPUT', `${field} must be a day, as in 2026-11-28`, { field });
  return day;
}
