import { setTimeout as delay } from 'node:timers/promises';
import type { Provider } from 'ethers';
import type { Assets } from '#contracts/assets.js';
import type { Escrow } from '#contracts/escrow.js';
import { type Hex, toHex } from '#core/hex.js';

/** What one asset's owner earned on chain in one claim. */
export interface Settlement {
  readonly asset: bigint;
  readonly owner: Hex;
  /** Minor units. */
  readonly amount: bigint;
  readonly tx: string;
}

export interface SettlementQuery {
  readonly provider: Pick<Provider, 'getBlockNumber'>;
  readonly escrow: Escrow;
  readonly assets: Assets;
  /** First block whose claims count. */
  readonly fromBlock: number;
  /** What each asset is to earn; the wait ends when the claims since `fromBlock` reach it. */
  readonly expected: ReadonlyMap<bigint, bigint>;
  readonly timeoutMs: number;
}

/** Waits until the chain shows what was earned and tells who earned it. Gives what is there when time runs out. */
export async function settlements(query: SettlementQuery): Promise<Settlement[]> {
  const endsAtMs = Date.now() + query.timeoutMs;
  for (;;) {
    const found = await claimed(query);
    if (reaches(found, query.expected) || Date.now() >= endsAtMs) return found;
    await delay(200);
  }
}

async function claimed(query: SettlementQuery): Promise<Settlement[]> {
  const { provider, escrow, assets, fromBlock, expected } = query;
  const newest = await provider.getBlockNumber();
  // Nodes refuse to look into the future.
  if (newest < fromBlock) return [];
  const found: Settlement[] = [];
  for (const event of await escrow.events(fromBlock, newest)) {
    if (event.name !== 'Claimed' || !expected.has(event.asset)) continue;
    const owner = await assets.ownerAt(event.asset, event.tenure);
    if (owner) found.push({ asset: event.asset, owner: toHex(owner), amount: event.earned, tx: event.transaction });
  }
  return found;
}

function reaches(found: readonly Settlement[], expected: ReadonlyMap<bigint, bigint>): boolean {
  return [...expected].every(
    ([asset, amount]) =>
      found.filter((row) => row.asset === asset).reduce((sum, row) => sum + row.amount, 0n) >= amount,
  );
}
