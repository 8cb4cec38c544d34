import { appendFile, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { JsonRpcProvider } from 'ethers';
import { WeftError } from '#core/errors.js';
import type { BlockMark } from './chain.js';
import { orChainError } from './chain-provider.js';
import { type EventLog, type LogRange, logRanges } from './read-logs.js';
import { writeDurably } from './write-durably.js';

export interface LogIndexOptions {
  readonly provider: JsonRpcProvider;
  readonly chainId: bigint;
  readonly addresses: readonly string[];
  /** Block from which on there are events. */
  readonly fromBlock: number;
  /** Where they are kept; without it everything is read each time. */
  readonly file?: string;
  /** Blocks on top of a log before it is kept; what is newer is read each time. Default 0. */
  readonly depth?: number;
}

/** Logs up to a block, all of one and the same chain. */
export interface IndexedLogs {
  readonly logs: readonly EventLog[];
  readonly block: BlockMark;
}

/** A line of the file: a range without gap to the one before it, and the hash by which its last block is known again. */
interface Kept extends LogRange {
  readonly hash: string;
}

/** A chain that keeps reorganising for longer than so many readings is left alone. */
const ATTEMPTS = 20;

/**
 * The logs of some contracts, kept in a file so that a long chain is read once. Each range is kept with the hash of its
 * last block, which stands for all blocks before it: what a reorganisation took away, however deep, is dropped and read
 * anew. The file is a copy of what the chain says: it may be lost, torn or deleted.
 */
export class LogIndex {
  constructor(private readonly options: LogIndexOptions) {}

  /** Everything up to the newest block. Errors: CHAIN_UNAVAILABLE, also while the chain does not come to rest. */
  async read(): Promise<IndexedLogs> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = await this.#read();
      if (found !== undefined) return found;
      await delay(20 * attempt);
    }
    throw new WeftError('CHAIN_UNAVAILABLE', 'the chain reorganises again and again; try later');
  }

  /** Whether a block is still part of the chain. */
  async isInChain(block: BlockMark): Promise<boolean> {
    return (await this.#hashOf(block.number)) === block.hash;
  }

  /**
   * Undefined if the chain changed meanwhile. All that is read is read between two looks at the newest block: while that
   * stays, everything before it does.
   */
  async #read(): Promise<IndexedLogs | undefined> {
    const { depth = 0, fromBlock } = this.options;
    const newest = await this.#ask(this.options.provider.getBlock('latest'));
    if (newest?.hash == null) throw new WeftError('CHAIN_UNAVAILABLE', 'the node has no newest block');
    const block = { number: newest.number, hash: newest.hash };
    const kept = await this.#stillInChain(await this.#load());
    for await (const range of this.#ranges(nextOf(kept, fromBlock), block.number - depth)) {
      const hash = await this.#hashOf(range.to);
      if (hash === undefined || !(await this.isInChain(block))) return undefined;
      kept.push({ ...range, hash });
      await this.#keep({ ...range, hash });
    }
    const fresh: EventLog[] = [];
    for await (const { logs } of this.#ranges(nextOf(kept, fromBlock), block.number)) fresh.push(...logs);
    if (!(await this.isInChain(block))) return undefined;
    return { logs: [...kept.flatMap(({ logs }) => logs), ...fresh], block };
  }

  #ranges(from: number, to: number): AsyncGenerator<LogRange> {
    return logRanges(this.options.provider, { address: [...this.options.addresses] }, from, to);
  }

  /** From the end on: a block's hash vouches for everything before it. */
  async #stillInChain(kept: Kept[]): Promise<Kept[]> {
    const all = kept.length;
    for (let last = kept.at(-1); last !== undefined; last = kept.at(-1)) {
      if ((await this.#hashOf(last.to)) === last.hash) break;
      kept.pop();
    }
    if (kept.length < all) await this.#write(kept);
    return kept;
  }

  async #hashOf(block: number): Promise<string | undefined> {
    return (await this.#ask(this.options.provider.getBlock(block)))?.hash ?? undefined;
  }

  async #load(): Promise<Kept[]> {
    const { file, fromBlock } = this.options;
    if (file === undefined) return [];
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    const [head, ...lines] = text.split('\n');
    const kept: Kept[] = [];
    if (head === this.#head()) {
      for (const line of lines) {
        const next = keptOf(line);
        if (next?.from !== nextOf(kept, fromBlock)) break;
        kept.push(next);
      }
    }
    // Torn, of somebody else, or written by two at once: what follows is read anew.
    if (head !== this.#head() || kept.length < lines.filter((line) => line !== '').length) await this.#write(kept);
    return kept;
  }

  async #keep(range: Kept): Promise<void> {
    const { file } = this.options;
    if (file !== undefined) await appendFile(file, `${JSON.stringify(range)}\n`);
  }

  async #write(kept: readonly Kept[]): Promise<void> {
    const { file } = this.options;
    if (file === undefined) return;
    await writeDurably(file, [this.#head(), ...kept.map((each) => JSON.stringify(each)), ''].join('\n'));
  }

  #head(): string {
    const { chainId, addresses, fromBlock } = this.options;
    return JSON.stringify({ form: 1, chainId: String(chainId), addresses, fromBlock });
  }

  #ask<T>(answer: Promise<T>): Promise<T> {
    return orChainError(this.options.provider._getConnection().url, answer);
  }
}

const nextOf = (kept: readonly Kept[], fromBlock: number): number => (kept.at(-1)?.to ?? fromBlock - 1) + 1;

function keptOf(line: string): Kept | undefined {
  try {
    const { from, to, hash, logs } = JSON.parse(line);
    return Number.isSafeInteger(from) && to >= from && typeof hash === 'string' && Array.isArray(logs)
      ? { from, to, hash, logs }
      : undefined;
  } catch {
    return undefined;
  }
}
