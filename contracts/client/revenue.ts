import { type BlockTag, type Log, type Provider } from 'ethers';
import { fromHex } from '#core/hex.js';
import { interfaceOf } from './artifact.js';
import { type Bytes, hexOf, read, type UnsignedTransaction } from './chain.js';
import type { Position } from './escrow.js';

export type RevenueEvent = Position &
  (
    | { name: 'Released'; asset: bigint; tenure: number; owner: Uint8Array; amount: bigint }
    | { name: 'Withdrawn'; owner: Uint8Array; to: Uint8Array; amount: bigint }
  );

/** The revenue at an address. Methods that change something build the transaction; the others read. */
export class Revenue {
  constructor(
    readonly address: string,
    private readonly provider: Provider,
  ) {}

  /** Credits a tenure's owner with what it earned since the last time; anyone may send it. */
  release(asset: bigint, tenure: number): UnsignedTransaction {
    return this.#build('release', [asset, tenure]);
  }

  withdraw(amount: bigint, to: Bytes): UnsignedTransaction {
    return this.#build('withdraw', [amount, hexOf(to)]);
  }

  /** What an owner may withdraw. */
  async balanceOf(owner: Bytes, at?: BlockTag): Promise<bigint> {
    return (await read(this.provider, 'Revenue', this.address, 'balances', [hexOf(owner)], at))[0];
  }

  #build(method: string, args: readonly unknown[]): UnsignedTransaction {
    return { to: this.address, data: interfaceOf('Revenue').encodeFunctionData(method, args) };
  }
}

/** The events of the revenue at `address` among logs. */
export function parseRevenueLogs(logs: readonly Log[], address: string): RevenueEvent[] {
  return logs.flatMap((log): RevenueEvent[] => {
    if (log.address.toLowerCase() !== address.toLowerCase()) return [];
    const parsed = interfaceOf('Revenue').parseLog(log);
    if (!parsed) return [];
    const at = { blockNumber: log.blockNumber, logIndex: log.index, transaction: log.transactionHash };
    const arg = parsed.args;
    const owner = fromHex(arg.owner, 'owner', 20);
    if (parsed.name === 'Released') {
      return [{ ...at, name: 'Released', asset: arg.asset, tenure: Number(arg.tenure), owner, amount: arg.amount }];
    }
    return [{ ...at, name: 'Withdrawn', owner, to: fromHex(arg.to, 'to', 20), amount: arg.amount }];
  });
}
