import type { JsonRpcProvider } from 'ethers';
import { interfaceOf } from '#contracts/artifact.js';
import { Assets, type Head, type Span } from '#contracts/assets.js';
import { orChainError } from '#contracts/chain-provider.js';
import { type Channel, Escrow } from '#contracts/escrow.js';
import { toHex } from '#core/hex.js';

export interface ChainViewOptions {
  readonly provider: JsonRpcProvider;
  readonly rpcUrl: string;
  /** "0x…" */
  readonly escrow: string;
  readonly assets: string;
  /** Money counts once it is this many blocks deep; 0 on anvil, which makes no empty blocks. */
  readonly confirmations: number;
}

/** What a provider asks the chain. Errors: CHAIN_UNAVAILABLE. */
export class ChainView {
  readonly escrow: Escrow;
  readonly assets: Assets;
  readonly #options: ChainViewOptions;
  #chainTimeSec = 0;

  constructor(options: ChainViewOptions) {
    this.#options = options;
    this.escrow = new Escrow(options.escrow, options.provider);
    this.assets = new Assets(options.assets, options.provider);
  }

  /** A channel at the confirmed block. */
  async channel(id: Uint8Array): Promise<Channel> {
    return await this.#ask(async () => await this.escrow.channel(id, await this.#confirmedBlock()));
  }

  /** A channel at the newest block: for claims, which only we can make. */
  async newestChannel(id: Uint8Array): Promise<Channel> {
    return await this.#ask(() => this.escrow.channel(id));
  }

  /** Whether a channel was opened after a block. */
  async openedAfter(id: Uint8Array, block: number): Promise<boolean> {
    if ((await this.newestBlock()).blockNumber <= block) return false;
    const opened = interfaceOf('Escrow').getEvent('Opened')!.topicHash;
    const logs = await this.#ask(() =>
      this.#options.provider.getLogs({
        address: this.#options.escrow,
        topics: [opened, toHex(id)],
        fromBlock: block + 1,
        toBlock: 'latest',
      }),
    );
    return logs.length > 0;
  }

  async head(asset: bigint): Promise<Head> {
    return await this.#ask(() => this.assets.head(asset));
  }

  /** When a key was an asset's operator; undefined if it never was. */
  async span(asset: bigint, key: Uint8Array): Promise<Span | undefined> {
    return await this.#ask(() => this.assets.span(asset, key));
  }

  async windowSec(): Promise<number> {
    return await this.#ask(() => this.escrow.windowSec());
  }

  /** Reads the newest block: its number, and its time for `nowSec`. */
  async newestBlock(): Promise<{ blockNumber: number; atSec: number }> {
    const block = await this.#ask(() => this.#options.provider.getBlock('latest'));
    if (block === null) throw new Error('the chain has no newest block');
    this.#chainTimeSec = Math.max(this.#chainTimeSec, block.timestamp);
    return { blockNumber: block.number, atSec: block.timestamp };
  }

  /**
   * The time to judge and sign by: ours, or the chain's if that is ahead (a local chain that mines many blocks in a
   * second runs ahead), so that no receipt is dated before its operator was named.
   */
  nowSec(): number {
    return Math.max(Math.floor(Date.now() / 1000), this.#chainTimeSec);
  }

  async #confirmedBlock(): Promise<number | 'latest'> {
    const { confirmations, provider } = this.#options;
    return confirmations === 0 ? 'latest' : Math.max(0, (await provider.getBlockNumber()) - confirmations);
  }

  #ask<T>(question: () => Promise<T>): Promise<T> {
    return orChainError(this.#options.rpcUrl, question());
  }
}
