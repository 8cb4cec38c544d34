import type { BlockTag, Provider } from 'ethers';
import { fromHex } from '#core/hex.js';
import { interfaceOf } from './artifact.js';
import { type Bytes, hexOf, read, type UnsignedTransaction } from './chain.js';
import type { Position } from './escrow.js';
import { portionOf } from './portion.js';
import { type EventLog, type LastBlock, readLogs } from './read-logs.js';

export type RevenueEvent = Position &
  (
    | {
        name: 'Released';
        asset: bigint;
        tenure: number;
        owner: Uint8Array;
        /** What the owner was credited: the rest of `earned + royalties` went to the parents. */
        amount: bigint;
        /** From the escrow or a payment, after the fee. */
        earned: bigint;
        /** From children. */
        royalties: bigint;
        /** What each parent was credited; it waits for a release of that tenure. */
        parents: readonly { readonly asset: bigint; readonly tenure: number; readonly amount: bigint }[];
      }
    | { name: 'Paid'; asset: bigint; tenure: number; from: Uint8Array; amount: bigint }
    | { name: 'FeeTaken'; asset: bigint; tenure: number; treasury: Uint8Array; amount: bigint }
    | { name: 'FeeSet'; bps: number; treasury: Uint8Array }
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

  /** Income outside the escrow's channels; the caller's money, of which the escrow must be allowed to take `amount`. */
  pay(asset: bigint, tenure: number, amount: bigint): UnsignedTransaction {
    return this.#build('pay', [asset, tenure, amount]);
  }

  withdraw(amount: bigint, to: Bytes): UnsignedTransaction {
    return this.#build('withdraw', [amount, hexOf(to)]);
  }

  /** The protocol's governance only: give it to `Governor.propose`. */
  setFee(bps: number, treasury: Bytes): UnsignedTransaction {
    return this.#build('setFee', [bps, hexOf(treasury)]);
  }

  /** What children credited a tenure that it has not released yet. */
  async waitingRoyalties(asset: bigint, tenure: number, at?: BlockTag): Promise<bigint> {
    const { credited, released } = (await this.#read('royalties', [asset, tenure], at)) as unknown as Record<
      'credited' | 'released',
      bigint
    >;
    return credited - released;
  }

  /** The protocol's fee, in basis points of what calls earn; the treasury is zero while there is none. */
  async fee(at?: BlockTag): Promise<{ bps: number; treasury: Uint8Array }> {
    const [bps, treasury] = await this.#read('fee', [], at);
    return { bps: Number(bps), treasury: fromHex(treasury, 'treasury', 20) };
  }

  /** Events between two blocks, both included, in the chain's order. */
  async events(fromBlock: number, toBlock: LastBlock): Promise<RevenueEvent[]> {
    return parseRevenueLogs(await readLogs(this.provider, { address: this.address }, fromBlock, toBlock), this.address);
  }

  /** What an owner may withdraw. */
  async balanceOf(owner: Bytes, at?: BlockTag): Promise<bigint> {
    return (await this.#read('balances', [hexOf(owner)], at))[0];
  }

  #read(method: string, args: readonly unknown[], at?: BlockTag) {
    return read(this.provider, 'Revenue', this.address, method, args, at);
  }

  #build(method: string, args: readonly unknown[]): UnsignedTransaction {
    return { to: this.address, data: interfaceOf('Revenue').encodeFunctionData(method, args) };
  }
}

/** The events of the revenue at `address` among logs. */
export function parseRevenueLogs(logs: readonly EventLog[], address: string): RevenueEvent[] {
  return logs.flatMap((log): RevenueEvent[] => {
    if (log.address.toLowerCase() !== address.toLowerCase()) return [];
    const parsed = interfaceOf('Revenue').parseLog(log);
    if (!parsed) return [];
    const at = { blockNumber: log.blockNumber, logIndex: log.index, transaction: log.transactionHash };
    const arg = parsed.args;
    const address20 = (name: string) => fromHex(arg[name], name, 20);
    switch (parsed.name) {
      case 'Released': {
        const { asset, amount, earned, royalties } = arg;
        const tenure = Number(arg.tenure);
        const parents = [...arg.parents].map((word: bigint) => {
          const { size, ...of } = portionOf(word);
          return { ...of, amount: size };
        });
        return [
          { ...at, name: 'Released', asset, tenure, owner: address20('owner'), amount, earned, royalties, parents },
        ];
      }
      case 'Paid':
        return [
          {
            ...at,
            name: 'Paid',
            asset: arg.asset,
            tenure: Number(arg.tenure),
            from: address20('from'),
            amount: arg.amount,
          },
        ];
      case 'FeeTaken': {
        const { asset, amount } = arg;
        return [
          { ...at, name: 'FeeTaken', asset, tenure: Number(arg.tenure), treasury: address20('treasury'), amount },
        ];
      }
      case 'FeeSet':
        return [{ ...at, name: 'FeeSet', bps: Number(arg.bps), treasury: address20('treasury') }];
      case 'Withdrawn':
        return [{ ...at, name: 'Withdrawn', owner: address20('owner'), to: address20('to'), amount: arg.amount }];
      default:
        return [];
    }
  });
}
