import type { BlockMark } from '#contracts/chain.js';
import type { ChannelKeys } from './channel-keys.js';
import type { Funding } from './funding.js';
import { importChannels } from './import-channels.js';
import { importJobs } from './import-jobs.js';
import type { LedgerBook } from './ledger/ledger-book.js';
import type { PayerChain } from './payer-chain.js';

export interface ChainFollowerParts {
  readonly book: LedgerBook;
  readonly chain: PayerChain;
  readonly keys: ChannelKeys;
  readonly funding: Funding;
}

/** Keeps the ledger to what the chain says: of channels and jobs that it does not know, and after blocks were taken back. */
export class ChainFollower {
  #searching: Promise<void> | undefined;
  #isSearched = false;
  /** By what this wallet last knew the chain. */
  #mark: BlockMark | undefined;

  constructor(private readonly parts: ChainFollowerParts) {}

  /**
   * Takes in, once in a process, what the chain has and the ledger does not know: an earlier ledger of this payer left
   * it there, or this one did and was restored from a copy that is older. Errors: CHAIN_UNAVAILABLE, LEDGER_UNAVAILABLE.
   */
  search(): Promise<void> {
    this.#searching ??= this.#findAgain().finally(() => {
      this.#searching = undefined;
    });
    return this.#searching;
  }

  /** Reads every channel again when a block by which money was counted is no longer there, or was never looked at. */
  async follow(): Promise<void> {
    const { book, chain, funding } = this.parts;
    const mark = await chain.confirmedBlock();
    const isFirst = this.#mark === undefined;
    if (this.#mark === undefined || !(await chain.isInChain(this.#mark))) {
      for (const channel of book.channels.values())
        if (!isFirst || channel.status !== 'closed') await funding.refresh(channel);
      book.changed();
    }
    this.#mark = mark;
  }

  async #findAgain(): Promise<void> {
    const { book, chain, keys } = this.parts;
    if (this.#isSearched) return;
    const { number } = await chain.confirmedBlock();
    const fromBlock = book.store.searchedToBlock ?? chain.options.fromBlock;
    const channels = await importChannels({ book, chain, keys, fromBlock });
    const jobs = await importJobs({ book, chain, fromBlock });
    // Until all is as deep as money has to be, it is searched again.
    if (!channels || !jobs) return;
    await book.store.markSearchedTo(number);
    this.#isSearched = true;
  }
}
