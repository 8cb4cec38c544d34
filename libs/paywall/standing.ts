import { setTimeout as delay } from 'node:timers/promises';
import type { Head } from '#contracts/assets.js';
import { WeftError } from '#core/errors.js';
import type { ChainView } from '#payments/provider/chain-view.js';
import { keyOf } from '#platform/key-of.js';
import { checkStanding, type ListingVersion } from './offers.js';

const MIN_REREAD_MS = 500;

/** What the chain says about our assets, read in the background, never while a call that is in order waits. */
export class Standing {
  readonly #heads = new Map<bigint, { head: Head; readAtMs: number }>();
  readonly #versions: ReadonlyMap<string, ListingVersion>;
  readonly #reading = new Map<bigint, Promise<void>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    versions: readonly ListingVersion[],
    private readonly chain: ChainView,
    private readonly everyMs: number,
    private readonly onError: (error: unknown) => void,
  ) {
    this.#versions = new Map(versions.map((version) => [keyOf(version.digest), version]));
  }

  /** Reads once, then again and again. A chain that does not answer now is asked again; until then calls are refused. */
  async start(): Promise<void> {
    await this.#readAll();
    this.#timer = setInterval(() => void this.#readAll(), this.everyMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Undefined if the version may be charged for. */
  refusalOf(version: ListingVersion, nowSec: number): WeftError | undefined {
    const known = this.#heads.get(version.listing.asset);
    if (known === undefined)
      return new WeftError('CHAIN_UNAVAILABLE', 'it is not known yet whether this listing is in force: no chain');
    try {
      checkStanding(version, known.head, this.#versions.get(keyOf(known.head.listing)), nowSec);
      return undefined;
    } catch (error) {
      return WeftError.from(error);
    }
  }

  /** Asks the chain again, at most twice a second: whoever comes sooner waits for the next time. */
  async reread(asset: bigint): Promise<void> {
    let reading = this.#reading.get(asset);
    if (reading === undefined) {
      const wait = (this.#heads.get(asset)?.readAtMs ?? Number.NEGATIVE_INFINITY) + MIN_REREAD_MS - performance.now();
      reading = delay(Math.max(0, wait))
        .then(() => this.#read(asset))
        .finally(() => this.#reading.delete(asset));
      this.#reading.set(asset, reading);
    }
    await reading;
  }

  async #readAll(): Promise<void> {
    const assets = new Set([...this.#versions.values()].map(({ listing }) => listing.asset));
    try {
      await this.chain.newestBlock();
      for (const asset of assets) await this.#read(asset);
    } catch (error) {
      this.onError(error);
    }
  }

  async #read(asset: bigint): Promise<void> {
    const head = await this.chain.head(asset);
    this.#heads.set(asset, { head, readAtMs: performance.now() });
  }
}
