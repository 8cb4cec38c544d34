import { utcDay } from '#core/utc-day.js';
import type { Receipt } from './typed-data.js';

/** Days since 1970, UTC's, both included. */
export interface Days {
  readonly fromDay: number;
  readonly toDay: number;
}

/** What an asset served on one day. */
export interface Usage {
  readonly day: number;
  readonly asset: bigint;
  readonly calls: bigint;
  readonly units: bigint;
  /** Minor units. */
  readonly amount: bigint;
}

/** Adds receipts up, by the day on which they were given, and by asset. */
export class UsageBook {
  readonly #rows = new Map<string, { day: number; asset: bigint; calls: bigint; units: bigint; amount: bigint }>();

  constructor(private readonly days: Days) {}

  add({ asset, servedAtSec, units, amount }: Pick<Receipt, 'asset' | 'servedAtSec' | 'units' | 'amount'>): void {
    this.addDay({ day: utcDay(servedAtSec), asset, calls: 1n, units, amount });
  }

  addDay({ day, asset, calls, units, amount }: Usage): void {
    if (day < this.days.fromDay || day > this.days.toDay) return;
    const key = `${day}/${asset}`;
    const row = this.#rows.get(key) ?? { day, asset, calls: 0n, units: 0n, amount: 0n };
    this.#rows.set(key, row);
    row.calls += calls;
    row.units += units;
    row.amount += amount;
  }

  /** By day, then asset. */
  rows(): Usage[] {
    return [...this.#rows.values()].sort((a, b) => a.day - b.day || (a.asset < b.asset ? -1 : 1));
  }
}
