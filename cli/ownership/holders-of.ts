import { id, type Provider } from 'ethers';
import { readLogs } from '#contracts/read-logs.js';
import type { Shares } from '#contracts/shares.js';
import { fromHex } from '#core/hex.js';

export interface Holder {
  /** 20 bytes. */
  readonly holder: Uint8Array;
  readonly held: bigint;
  /** What others, or he himself, delegated to him. */
  readonly votes: bigint;
  /** What he may withdraw. */
  readonly owed: bigint;
}

/** Everybody who has shares, votes or money in them, who has most first. */
export async function holdersOf(shares: Shares, provider: Provider, fromBlock: number): Promise<Holder[]> {
  const topics = [[id('Transfer(address,address,uint256)'), id('DelegateChanged(address,address,address)')]];
  const logs = await readLogs(provider, { address: shares.address, topics }, fromBlock);
  const named = new Set(logs.flatMap(({ topics }) => topics.slice(1).map((topic) => `0x${topic.slice(26)}`)));
  const holders = await Promise.all(
    [...named].map(async (address) => {
      const [held, votes, owed] = await Promise.all([
        shares.balanceOf(address),
        shares.votesOf(address),
        shares.owedTo(address),
      ]);
      return { holder: fromHex(address, 'holder', 20), held, votes, owed };
    }),
  );
  return holders
    .filter(({ held, votes, owed }) => held + votes + owed > 0n)
    .sort((a, b) => (a.held === b.held ? 0 : a.held > b.held ? -1 : 1));
}
