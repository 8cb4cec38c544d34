import type { BlockTag, Provider } from 'ethers';
import { fromHex } from '#core/hex.js';
import { interfaceOf } from './artifact.js';
import { type Bytes, hexOf, read, type UnsignedTransaction } from './chain.js';
import type { Position } from './escrow.js';
import { portionOf } from './portion.js';
import { type EventLog, type LastBlock, readLogs } from './read-logs.js';

export interface Parent {
  readonly asset: bigint;
  /** Share of the income, 10,000 is all of it. */
  readonly bps: number;
}

/** What stands in an asset's name at present. */
export interface Head {
  /** 20 bytes, all zero if nobody signs for the asset. */
  readonly operator: Uint8Array;
  /** 0 if there is no such asset. */
  readonly tenure: number;
  readonly listedAtSec: number;
  readonly listingVersion: number;
  /** 32 bytes, all zero if nothing is offered. */
  readonly listing: Uint8Array;
}

/** When a key was an asset's operator; undefined `untilSec`: it still is. */
export interface Span {
  readonly tenure: number;
  readonly fromSec: number;
  readonly untilSec: number | undefined;
  readonly bySale: boolean;
}

/** What an asset asks of others, in basis points. */
export interface Terms {
  /** Of the income of what is built from it from now on, at least. */
  readonly royaltyBps: number;
  /** Of the price when it is sold, for who made it. */
  readonly saleBps: number;
  /** 0 without parents, else one more than the deepest parent's. */
  readonly depth: number;
}

export type AssetsEvent = Position & { asset: bigint } & (
    | { name: 'Minted'; owner: Uint8Array; parents: Parent[] }
    | { name: 'TenureEnded'; tenure: number; owner: Uint8Array }
    | { name: 'OperatorSet'; tenure: number; operator: Uint8Array }
    | { name: 'Listed'; tenure: number; version: number; listing: Uint8Array }
    | { name: 'RoyaltySet' | 'SaleRoyaltySet'; bps: number }
  );

const NONE = '0x0000000000000000000000000000000000000000';
const NO_LISTING = `0x${'00'.repeat(32)}`;

/** The assets at an address. Methods that change something build the transaction; the others read. */
export class Assets {
  constructor(
    readonly address: string,
    private readonly provider: Provider,
  ) {}

  /** Mints to whoever sends it; the id stands in the receipt's `Minted` event (`mintedAsset`). */
  mint(asset: { operator?: Bytes; parents?: readonly Parent[]; listing?: Bytes } = {}): UnsignedTransaction {
    return this.#build('mint', [
      hexOf(asset.operator ?? NONE),
      asset.parents ?? [],
      hexOf(asset.listing ?? NO_LISTING),
    ]);
  }

  /** No operator: from now on nobody signs for the asset. */
  setOperator(asset: bigint, operator?: Bytes): UnsignedTransaction {
    return this.#build('setOperator', [asset, hexOf(operator ?? NONE)]);
  }

  publish(asset: bigint, listing: Bytes, version: number): UnsignedTransaction {
    return this.#build('publish', [asset, hexOf(listing), version]);
  }

  delist(asset: bigint): UnsignedTransaction {
    return this.#build('delist', [asset]);
  }

  /** What new children owe the asset; existing ones keep their terms. Its owner sends it. */
  setRoyalty(asset: bigint, bps: number): UnsignedTransaction {
    return this.#build('setRoyalty', [asset, bps]);
  }

  /** What its maker gets of later prices, at most 1,000; who made it sends it, before the first sale. */
  setSaleRoyalty(asset: bigint, bps: number): UnsignedTransaction {
    return this.#build('setSaleRoyalty', [asset, bps]);
  }

  transfer(asset: bigint, from: Bytes, to: Bytes): UnsignedTransaction {
    return this.#build('transferFrom', [hexOf(from), hexOf(to), asset]);
  }

  /** To a contract that takes assets, such as shares: it is told, and may refuse. */
  safeTransfer(asset: bigint, from: Bytes, to: Bytes): UnsignedTransaction {
    return this.#build('safeTransferFrom(address,address,uint256)', [hexOf(from), hexOf(to), asset]);
  }

  /** Lets one other address, such as the market, move the asset until its next transfer. */
  approve(asset: bigint, to: Bytes): UnsignedTransaction {
    return this.#build('approve', [hexOf(to), asset]);
  }

  /** Whether `mover` may move the asset. */
  async isApproved(asset: bigint, mover: Bytes): Promise<boolean> {
    return (await this.#read('getApproved', [asset]))[0].toLowerCase() === hexOf(mover).toLowerCase();
  }

  /** Number of assets; their ids are 1 to this. */
  async count(): Promise<bigint> {
    return (await this.#read('count', []))[0];
  }

  async head(asset: bigint, at?: BlockTag): Promise<Head> {
    const [head] = await this.#read('head', [asset], at);
    return {
      operator: fromHex(head.operator, 'operator', 20),
      tenure: Number(head.tenure),
      listedAtSec: Number(head.listedAtSec),
      listingVersion: Number(head.listingVersion),
      listing: fromHex(head.listing, 'listing', 32),
    };
  }

  /** Undefined if the key never was this asset's operator. */
  async span(asset: bigint, operator: Bytes, at?: BlockTag): Promise<Span | undefined> {
    const [span] = await this.#read('span', [asset, hexOf(operator)], at);
    if (span.tenure === 0n) return undefined;
    return {
      tenure: Number(span.tenure),
      fromSec: Number(span.fromSec),
      untilSec: span.untilSec === 0n ? undefined : Number(span.untilSec),
      bySale: span.bySale,
    };
  }

  /** Who owns it, 20 bytes; NOT_FOUND if there is no such asset. */
  async ownerOf(asset: bigint, at?: BlockTag): Promise<Uint8Array> {
    return fromHex((await this.#read('ownerOf', [asset], at))[0], 'owner', 20);
  }

  /** Who owned it in a tenure, 20 bytes; undefined for a tenure that never was. */
  async ownerAt(asset: bigint, tenure: number, at?: BlockTag): Promise<Uint8Array | undefined> {
    const owner: string = (await this.#read('ownerAt', [asset, tenure], at))[0];
    return owner === NONE ? undefined : fromHex(owner, 'owner', 20);
  }

  async parents(asset: bigint): Promise<Parent[]> {
    return parentsOf((await this.#read('parents', [asset]))[0]);
  }

  /** What it was built from, each with its present tenure. */
  async lineage(asset: bigint): Promise<(Parent & { readonly tenure: number })[]> {
    const [, parents] = await this.#read('lineage', [asset, 1]);
    return [...parents].map((word: bigint) => {
      const { size, ...of } = portionOf(word);
      return { ...of, bps: Number(size) };
    });
  }

  /** What the maker of an asset gets of a price at which it is sold (ERC-2981). */
  async saleRoyalty(asset: bigint, price: bigint, at?: BlockTag): Promise<{ maker: Uint8Array; amount: bigint }> {
    const [maker, amount] = await this.#read('royaltyInfo', [asset, price], at);
    return { maker: fromHex(maker, 'maker', 20), amount };
  }

  async terms(asset: bigint, at?: BlockTag): Promise<Terms> {
    const [{ royaltyBps, saleBps, depth }] = await this.#read('terms', [asset], at);
    return { royaltyBps: Number(royaltyBps), saleBps: Number(saleBps), depth: Number(depth) };
  }

  /** Events between two blocks, both included, in the chain's order. */
  async events(fromBlock: number, toBlock: LastBlock): Promise<AssetsEvent[]> {
    return parseAssetsLogs(await readLogs(this.provider, { address: this.address }, fromBlock, toBlock), this.address);
  }

  #build(method: string, args: readonly unknown[]): UnsignedTransaction {
    return { to: this.address, data: interfaceOf('Assets').encodeFunctionData(method, args) };
  }

  #read(method: string, args: readonly unknown[], at?: BlockTag) {
    return read(this.provider, 'Assets', this.address, method, args, at);
  }
}

/** The events of Assets at `address` among logs, ERC-721's own left out. */
export function parseAssetsLogs(logs: readonly EventLog[], address: string): AssetsEvent[] {
  return logs.flatMap((log): AssetsEvent[] => {
    if (log.address.toLowerCase() !== address.toLowerCase()) return [];
    const parsed = interfaceOf('Assets').parseLog(log);
    if (!parsed) return [];
    const arg = parsed.args;
    const at = {
      blockNumber: log.blockNumber,
      logIndex: log.index,
      transaction: log.transactionHash,
      asset: arg.asset as bigint,
    };
    switch (parsed.name) {
      case 'Minted':
        return [{ ...at, name: 'Minted', owner: fromHex(arg.owner, 'owner', 20), parents: parentsOf(arg.parents) }];
      case 'TenureEnded':
        return [{ ...at, name: 'TenureEnded', tenure: Number(arg.tenure), owner: fromHex(arg.owner, 'owner', 20) }];
      case 'OperatorSet':
        return [
          { ...at, name: 'OperatorSet', tenure: Number(arg.tenure), operator: fromHex(arg.operator, 'operator', 20) },
        ];
      case 'Listed':
        return [
          {
            ...at,
            name: 'Listed',
            tenure: Number(arg.tenure),
            version: Number(arg.version),
            listing: fromHex(arg.listing, 'listing', 32),
          },
        ];
      case 'RoyaltySet':
      case 'SaleRoyaltySet':
        return [{ ...at, name: parsed.name, bps: Number(arg.bps) }];
      default:
        return [];
    }
  });
}

/** The id that a transaction of `mint` gave. */
export function mintedAsset(receipt: { logs: readonly EventLog[] }, assets: string): bigint {
  const minted = parseAssetsLogs(receipt.logs, assets).find((event) => event.name === 'Minted');
  if (!minted) throw new Error('the transaction minted nothing');
  return minted.asset;
}

const parentsOf = (parents: { asset: bigint; bps: bigint }[]): Parent[] =>
  [...parents].map(({ asset, bps }) => ({ asset, bps: Number(bps) }));
