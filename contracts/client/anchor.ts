import { type BlockTag, type Provider } from 'ethers';
import { fromHex } from '#core/hex.js';
import { interfaceOf } from './artifact.js';
import { type Bytes, hexOf, read, type UnsignedTransaction } from './chain.js';
import type { Position } from './escrow.js';
import { type EventLog, type LastBlock, readLogs } from './read-logs.js';

/** What an operator wrote down of an epoch: the root over its receipts, how many they are, what they add up to. */
export interface Epoch {
  /** 32 bytes. */
  readonly root: Uint8Array;
  readonly receipts: bigint;
  readonly amount: bigint;
  readonly anchoredAtSec: number;
}

export type AnchorEvent = Position & {
  name: 'Anchored';
  asset: bigint;
  tenure: number;
  epoch: bigint;
  root: Uint8Array;
  receipts: bigint;
  amount: bigint;
};

const NO_ROOT = `0x${'00'.repeat(32)}`;

/** The anchor at an address. `anchor` builds a transaction, which the tenure's operator sends; the others read. */
export class Anchor {
  constructor(
    readonly address: string,
    private readonly provider: Provider,
  ) {}

  /** `number` must be the one that comes next: what is sent twice is refused the second time. */
  anchor(
    asset: bigint,
    tenure: number,
    number: bigint,
    epoch: { readonly root: Bytes; readonly receipts: bigint; readonly amount: bigint },
  ): UnsignedTransaction {
    const args = [asset, tenure, number, hexOf(epoch.root), epoch.receipts, epoch.amount];
    return { to: this.address, data: interfaceOf('Anchor').encodeFunctionData('anchor', args) };
  }

  /** How many epochs a tenure has; they are numbered from 1. */
  async epochs(asset: bigint, tenure: number, at?: BlockTag): Promise<bigint> {
    return (await this.#read('epochs', [asset, tenure], at))[0];
  }

  /** Undefined if there is none of that number. */
  async epoch(asset: bigint, tenure: number, number: bigint, at?: BlockTag): Promise<Epoch | undefined> {
    const [epoch] = await this.#read('epoch', [asset, tenure, number], at);
    if (epoch.root === NO_ROOT) return undefined;
    return {
      root: fromHex(epoch.root, 'root', 32),
      receipts: epoch.receipts,
      amount: epoch.amount,
      anchoredAtSec: Number(epoch.anchoredAtSec),
    };
  }

  /** Whether a receipt of that amount is under the root of an epoch. */
  async verify(
    asset: bigint,
    tenure: number,
    number: bigint,
    leaf: { readonly receiptDigest: Bytes; readonly amount: bigint },
    proof: readonly Bytes[],
  ): Promise<boolean> {
    const args = [asset, tenure, number, hexOf(leaf.receiptDigest), leaf.amount, proof.map(hexOf)];
    return (await this.#read('verify', args))[0];
  }

  /** Events between two blocks, both included, in the chain's order. */
  async events(fromBlock: number, toBlock: LastBlock): Promise<AnchorEvent[]> {
    return parseAnchorLogs(await readLogs(this.provider, { address: this.address }, fromBlock, toBlock), this.address);
  }

  #read(method: string, args: readonly unknown[], at?: BlockTag) {
    return read(this.provider, 'Anchor', this.address, method, args, at);
  }
}

/** The events of the anchor at `address` among logs. */
export function parseAnchorLogs(logs: readonly EventLog[], address: string): AnchorEvent[] {
  return logs.flatMap((log): AnchorEvent[] => {
    if (log.address.toLowerCase() !== address.toLowerCase()) return [];
    const parsed = interfaceOf('Anchor').parseLog(log);
    if (parsed?.name !== 'Anchored') return [];
    const { asset, tenure, epoch, root, receipts, amount } = parsed.args;
    return [
      {
        blockNumber: log.blockNumber,
        logIndex: log.index,
        transaction: log.transactionHash,
        name: 'Anchored',
        asset,
        tenure: Number(tenure),
        epoch,
        root: fromHex(root, 'root', 32),
        receipts,
        amount,
      },
    ];
  });
}
