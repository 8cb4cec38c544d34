import type { Economy } from '../economy.js';

/** A period of an asset under one owner, and what it earned in it. Minor units. */
export interface Tenure {
  readonly tenure: number;
  /** 20 bytes. */
  readonly owner: Uint8Array;
  /** By calls. */
  readonly earned: bigint;
  /** Earned, or owed by what was built from it, and not credited to its owner yet. */
  readonly waiting: bigint;
}

/** From the first on; none if there is no such asset. */
export async function tenuresOf({ assets, escrow, revenue }: Economy, asset: bigint): Promise<Tenure[]> {
  const { tenure: present } = await assets.head(asset);
  return Promise.all(
    Array.from({ length: present }, async (_, i) => {
      const tenure = i + 1;
      const { earned, collected } = await escrow.income(asset, tenure);
      const waiting = earned - collected + (await revenue.waitingRoyalties(asset, tenure));
      return { tenure, owner: (await assets.ownerAt(asset, tenure))!, earned, waiting };
    }),
  );
}
