import type { RevenueEvent } from '#contracts/revenue.js';
import { utcDay } from '#core/utc-day.js';
import type { Days, Usage } from '#payments/usage.js';

/** One day of an asset: what it served, and what it gave to and got from others of its lineage. Minor units. */
export interface AssetDay extends Usage {
  /** Credited by what was built from it. */
  readonly royaltiesIn: bigint;
  /** Credited to what it was built from. */
  readonly royaltiesOut: bigint;
}

/**
 * What an asset served by its provider's ledger, with the royalties of Revenue's events, which are dated by the release
 * that credited them. `timeOf` tells when a block was made.
 */
export async function assetStatement(
  asset: bigint,
  { fromDay, toDay }: Days,
  usage: readonly Usage[],
  events: readonly RevenueEvent[],
  timeOf: (blockNumber: number) => Promise<number>,
): Promise<AssetDay[]> {
  const days = new Map<number, AssetDay>(
    usage.map((each) => [each.day, { ...each, royaltiesIn: 0n, royaltiesOut: 0n }]),
  );
  for (const event of events) {
    if (event.name !== 'Released') continue;
    const sum = (parts: typeof event.parents) => parts.reduce((all, { amount }) => all + amount, 0n);
    const into = sum(event.parents.filter((parent) => parent.asset === asset));
    const out = event.asset === asset ? sum(event.parents) : 0n;
    if (into + out === 0n) continue;
    const day = utcDay(await timeOf(event.blockNumber));
    if (day < fromDay || day > toDay) continue;
    const before = days.get(day) ?? { day, asset, calls: 0n, units: 0n, amount: 0n, royaltiesIn: 0n, royaltiesOut: 0n };
    days.set(day, { ...before, royaltiesIn: before.royaltiesIn + into, royaltiesOut: before.royaltiesOut + out });
  }
  return [...days.values()].sort((a, b) => a.day - b.day);
}
