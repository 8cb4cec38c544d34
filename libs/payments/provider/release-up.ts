import type { Log } from 'ethers';
import type { Assets } from '#contracts/assets.js';
import type { UnsignedTransaction } from '#contracts/chain.js';
import type { Escrow } from '#contracts/escrow.js';
import { parseRevenueLogs, type Revenue } from '#contracts/revenue.js';
import { tenureKey } from '#core/tenure-key.js';

/** What one release credited the owner of a tenure. Minor units. */
export interface Release {
  readonly asset: bigint;
  readonly tenure: number;
  readonly owner: Uint8Array;
  readonly amount: bigint;
  /** From calls, after the protocol's fee. */
  readonly earned: bigint;
  /** From assets that were built from it. */
  readonly royalties: bigint;
  readonly transaction: string;
}

export interface ReleaseParts {
  readonly assets: Assets;
  readonly escrow: Escrow;
  readonly revenue: Revenue;
  /** Anybody may send releases. */
  readonly sender: { send(transaction: UnsignedTransaction): Promise<{ hash: string; logs: readonly Log[] }> };
}

interface Tenure {
  readonly asset: bigint;
  readonly tenure: number;
}

/**
 * Releases what these tenures have earned, and what that credits to all that their assets were built from: children
 * before their parents, so that one pass pays everybody. What has nothing to release is left alone.
 */
export async function releaseUp(parts: ReleaseParts, tenures: readonly Tenure[]): Promise<Release[]> {
  const { revenue, sender } = parts;
  const releases: Release[] = [];
  for (const each of await withAncestors(parts.assets, tenures)) {
    if (!(await hasIncome(parts, each))) continue;
    const { hash, logs } = await sender.send(revenue.release(each.asset, each.tenure));
    for (const event of parseRevenueLogs(logs, revenue.address))
      if (event.name === 'Released') {
        const { asset, tenure, owner, amount, earned, royalties } = event;
        releases.push({ asset, tenure, owner, amount, earned, royalties, transaction: hash });
      }
  }
  return releases;
}

/** In descending order of ids: parents have lower ones than their children. */
async function withAncestors(assets: Assets, tenures: readonly Tenure[]): Promise<Tenure[]> {
  const all = new Map(tenures.map((each) => [tenureKey(each), each]));
  // A map that grows is walked to its end.
  for (const { asset } of all.values())
    for (const parent of await assets.lineage(asset)) all.set(tenureKey(parent), parent);
  return [...all.values()].sort((a, b) => (a.asset < b.asset ? 1 : a.asset > b.asset ? -1 : b.tenure - a.tenure));
}

async function hasIncome({ escrow, revenue }: ReleaseParts, { asset, tenure }: Tenure): Promise<boolean> {
  const { earned, collected } = await escrow.income(asset, tenure);
  return earned > collected || (await revenue.waitingRoyalties(asset, tenure)) > 0n;
}
