import { setTimeout as delay } from 'node:timers/promises';
import type { BlockMark } from '#contracts/chain.js';
import { WeftError } from '#core/errors.js';
import { formatAmount } from '#core/money.js';
import type { ChainView } from '#payments/provider/chain-view.js';
import type { ProviderLedger } from '#payments/provider/provider-ledger.js';
import { SeenCalls } from '#payments/provider/seen-calls.js';
import type { ChannelTerms } from '#payments/typed-data.js';
import { keyOf } from '#platform/key-of.js';
import { RecentMap, TokenBucket } from '#platform/rate-limit.js';
import { ChannelAccount, channelClosed } from './channel-account.js';
import type { PaywallLimits } from './limits.js';

/** A payer with more calls than this is asked about in the database each time. */
const MAX_REMEMBERED_CALLS = 200_000;

/** Channels read again in one round in the background. */
const REREAD_AT_ONCE = 100;

export interface ChannelRef {
  readonly id: Uint8Array;
  /** `id`, latin1. */
  readonly key: string;
  readonly terms: ChannelTerms;
  readonly minChannel: bigint;
}

/** The channels in memory. Reads ledger and chain for those that are not, never more often than the limits allow. */
export class Accounts {
  readonly #accounts: RecentMap<ChannelAccount>;
  readonly #loading = new Map<string, Promise<ChannelAccount>>();
  readonly #refreshing = new Map<string, Promise<void>>();
  readonly #readAtMs = new WeakMap<ChannelAccount, number>();
  /** Channels that the chain does not know, or that we do not serve: not asked for again for a while. */
  readonly #refused: RecentMap<{ readonly error: WeftError; readonly untilMs: number }>;
  /** `tooMany`: not remembered, and not read again to find that out. */
  readonly #seen: RecentMap<{ readonly filter: SeenCalls; whole: boolean; tooMany: boolean }>;
  readonly #learning = new Map<string, Promise<void>>();
  /** For channels never seen before, which anybody can make up, and for those that have shown to be real. */
  readonly #firstReads: TokenBucket;
  readonly #rereads: TokenBucket;
  /** By what the chain was last known. */
  #mark: BlockMark | undefined;

  constructor(
    private readonly ledger: ProviderLedger,
    private readonly chain: ChainView,
    private readonly limits: PaywallLimits,
  ) {
    this.#accounts = new RecentMap(limits.maxChannels, (account) => account.serving === 0);
    this.#refused = new RecentMap(limits.maxChannels);
    this.#seen = new RecentMap(limits.maxPayers);
    this.#firstReads = new TokenBucket(limits.newChannelsPerSec, limits.newChannelBurst);
    this.#rereads = new TokenBucket(limits.newChannelsPerSec, limits.newChannelBurst);
  }

  /** The account if it is in memory. */
  known(key: string): ChannelAccount | undefined {
    return this.#accounts.get(key);
  }

  /**
   * The account, taken into the ledger if the chain has such a channel. Only for channels whose signer has just
   * signed something. Errors: CHANNEL_UNKNOWN, CHANNEL_CLOSED, CHANNEL_TOO_SMALL, OVERLOADED, CHAIN_UNAVAILABLE,
   * LEDGER_UNAVAILABLE.
   */
  async get(ref: ChannelRef): Promise<ChannelAccount> {
    const known = this.#accounts.get(ref.key);
    if (known !== undefined) {
      this.#accounts.touch(ref.key, known);
      return known;
    }
    return await once(this.#loading, ref.key, () => this.#load(ref));
  }

  /** Reads the account's row again. */
  async rereadLedger(account: ChannelAccount): Promise<void> {
    await once(this.#refreshing, `ledger ${account.key}`, async () => {
      await this.#pause(account);
      const row = await this.ledger.channel(account.id);
      if (row !== undefined) account.take(row);
    });
  }

  /** Reads the channel from the chain into the ledger and the account. */
  async rereadChain(account: ChannelAccount): Promise<void> {
    await once(this.#refreshing, `chain ${account.key}`, async () => {
      await this.#pause(account);
      takeFrom(this.#rereads);
      await this.#takeFromChain(account);
    });
  }

  async #takeFromChain(account: ChannelAccount): Promise<void> {
    const onChain = await this.chain.channel(account.id);
    account.take(await this.ledger.updateFromChain(account.id, onChain));
  }

  /** Reads all channels of the ledger again when a block by which money was credited is no longer in the chain. */
  async followChain(): Promise<void> {
    await once(this.#refreshing, 'chain', () => this.#followChain());
  }

  async #followChain(): Promise<void> {
    const mark = await this.chain.confirmedBlock();
    if (this.#mark !== undefined && !(await this.chain.isInChain(this.#mark)))
      for (const { id } of await this.ledger.channels()) {
        const row = await this.ledger.updateFromChain(id, await this.chain.channel(id));
        this.#accounts.get(keyOf(id))?.take(row);
      }
    this.#mark = mark;
  }

  /** Reads channels again that were used since the last time: a reorg may have taken back what they held. */
  async rereadUsed(): Promise<void> {
    const used = [...this.#accounts.values()].filter((account) => account.used).slice(0, REREAD_AT_ONCE);
    for (const account of used) {
      await this.#takeFromChain(account);
      account.used = false;
    }
  }

  /** Which call ids of a payer have been seen, or undefined until they were read. */
  seenBy(payerKey: string): SeenCalls | undefined {
    const seen = this.#seen.get(payerKey);
    return seen?.whole ? seen.filter : undefined;
  }

  noteSeen(payerKey: string, callId: Uint8Array): void {
    this.#seen.get(payerKey)?.filter.add(callId);
  }

  /** Learns a payer's call ids, so that new ones need no question. Ids noted meanwhile count too. */
  async learn(payer: Uint8Array): Promise<void> {
    const key = keyOf(payer);
    const known = this.#seen.get(key);
    if (known?.whole || known?.tooMany) return;
    await once(this.#learning, key, async () => {
      const seen = { filter: new SeenCalls(), whole: false, tooMany: false };
      this.#seen.set(key, seen);
      const ids = await this.ledger.callIds(payer, MAX_REMEMBERED_CALLS);
      for (const id of ids ?? []) seen.filter.add(id);
      seen.whole = ids !== undefined;
      seen.tooMany = ids === undefined;
    });
  }

  async #load({ id, key, terms, minChannel }: ChannelRef): Promise<ChannelAccount> {
    const refused = this.#refused.get(key);
    if (refused !== undefined && performance.now() < refused.untilMs) throw refused.error;
    const row = await this.ledger.channel(id);
    const account = new ChannelAccount(row ?? (await this.#takeIn({ id, key, terms, minChannel })));
    this.#accounts.set(key, account);
    return account;
  }

  async #takeIn({ id, key, terms, minChannel }: ChannelRef) {
    takeFrom(this.#firstReads);
    const onChain = await this.chain.channel(id);
    const error =
      onChain.status === 'none'
        ? new WeftError('CHANNEL_UNKNOWN', 'the chain has no such channel (yet)')
        : onChain.status === 'closed'
          ? channelClosed()
          : onChain.deposited < minChannel
            ? new WeftError('CHANNEL_TOO_SMALL', 'the channel holds less than this service asks for', {
                deposited: formatAmount(onChain.deposited),
                minChannel: formatAmount(minChannel),
              })
            : undefined;
    if (error !== undefined) {
      this.#refused.set(key, { error, untilMs: performance.now() + this.limits.unknownChannelMs });
      throw error;
    }
    const wholeLife = await this.chain.openedAfter(id, this.ledger.bornAtBlock);
    return await this.ledger.addChannel({ id, terms, onChain, wholeLife });
  }

  /** Waits until the account may be read again, so that a question never goes unanswered but a flood costs little. */
  async #pause(account: ChannelAccount): Promise<void> {
    const last = this.#readAtMs.get(account) ?? Number.NEGATIVE_INFINITY;
    const wait = last + this.limits.rereadChannelMs - performance.now();
    if (wait > 0) await delay(wait);
    this.#readAtMs.set(account, performance.now());
  }
}

function takeFrom(chainReads: TokenBucket): void {
  if (!chainReads.take())
    throw new WeftError('OVERLOADED', 'too many new or short channels at once; try again in a moment');
}

/** One at a time per key; whoever comes meanwhile gets the same. */
function once<T>(running: Map<string, Promise<T>>, key: string, work: () => Promise<T>): Promise<T> {
  const known = running.get(key);
  if (known !== undefined) return known;
  const started = work().finally(() => running.delete(key));
  running.set(key, started);
  return started;
}
