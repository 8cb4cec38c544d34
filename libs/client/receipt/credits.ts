import type { RevenueEvent } from '#contracts/revenue.js';
import type { LineageEdge } from './receipt-file.js';

/** What one of an asset's ancestors gets of a call. Minor units. */
export interface Credit {
  /** Which gives it. */
  readonly asset: bigint;
  readonly parent: bigint;
  readonly bps: number;
  /** Its part of the call's amount, before the protocol's fee; releases round down on sums of many calls. */
  readonly share: bigint;
  /** What the child has credited it so far, for all calls; the asset itself, in the receipt's tenure. */
  readonly credited: bigint;
}

/** Who is credited for a call up the lineage, nearest first, and what they have been credited. */
export function creditsOf(
  call: { readonly asset: bigint; readonly tenure: number; readonly amount: bigint },
  lineage: readonly LineageEdge[],
  events: readonly RevenueEvent[] = [],
): Credit[] {
  const reached = new Map([[call.asset, call.amount]]);
  // Parents have lower ids than their children, so all that reaches an asset has done so when it is its turn.
  const edges = [...lineage].sort((a, b) => (a.asset > b.asset ? -1 : a.asset < b.asset ? 1 : 0));
  return edges.map(({ asset, parent, bps }) => {
    const share = ((reached.get(asset) ?? 0n) * BigInt(bps)) / 10_000n;
    reached.set(parent, (reached.get(parent) ?? 0n) + share);
    let credited = 0n;
    for (const event of events) {
      if (event.name !== 'Released' || event.asset !== asset) continue;
      if (asset === call.asset && event.tenure !== call.tenure) continue;
      for (const each of event.parents) if (each.asset === parent) credited += each.amount;
    }
    return { asset, parent, bps, share, credited };
  });
}
