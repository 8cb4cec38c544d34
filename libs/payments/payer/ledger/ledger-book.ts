import { WeftError } from '#core/errors.js';
import { maxAmount, minAmount } from '#core/money.js';
import { tenureKey } from '#core/tenure-key.js';
import type { WalletPolicy } from '../policy.js';
import { Journal } from './journal.js';
import { type Barred, Ledger, needsOf } from './ledger.js';
import {
  callFromRow,
  callToRow,
  channelToRow,
  jobFromRow,
  jobToRow,
  quoteFromRow,
  quoteToRow,
  tokenToRow,
} from './ledger-rows.js';
import {
  type CallEntry,
  type ChannelEntry,
  idKey,
  isHeld,
  isOpenJob,
  type JobEntry,
  type QuoteEntry,
  type TokenEntry,
} from './ledger-state.js';
import { type LedgerOwner, LedgerStore, type LoadedLedger } from './ledger-store.js';

interface Changes {
  readonly channels: readonly { readonly channel: ChannelEntry; readonly ceiling: bigint }[];
  readonly quotes: readonly QuoteEntry[];
  readonly calls: readonly CallEntry[];
  readonly jobs: readonly JobEntry[];
  readonly tokens: readonly TokenEntry[];
  readonly barred: readonly Barred[];
  readonly rows: Parameters<LedgerStore['write']>[0];
}

/** Finished entries stay in memory up to these numbers; older ones are read again when somebody asks. */
const CALLS_KEPT = 20_000;
const QUOTES_KEPT = 5_000;

/** The ledger as one process holds it: entries in memory, rules over them, and the journal that makes them durable. */
export class LedgerBook {
  readonly ledger: Ledger;
  readonly channels: Map<string, ChannelEntry>;
  readonly quotes: Map<string, QuoteEntry>;
  readonly calls: Map<string, CallEntry>;
  /** By call id. */
  readonly jobs: Map<string, JobEntry>;
  readonly tokens: Map<string, TokenEntry>;
  readonly barred: Map<bigint, string>;
  /** Assets with their tenures that have given a receipt. */
  readonly knownTenures = new Set<string>();
  readonly #journal: Journal<Changes>;
  readonly #knownIds: LoadedLedger['knownIds'];

  private constructor(
    readonly store: LedgerStore,
    loaded: LoadedLedger,
    private readonly policy: WalletPolicy,
    freed: (channel: ChannelEntry) => void,
  ) {
    this.ledger = new Ledger(freed);
    this.channels = loaded.channels;
    this.quotes = loaded.quotes;
    this.calls = loaded.calls;
    this.jobs = loaded.jobs;
    this.tokens = loaded.tokens;
    this.barred = loaded.barred;
    this.#knownIds = loaded.knownIds;
    for (const channel of this.channels.values()) {
      if (!channel.proven) this.ledger.unproven.add(channel);
      if (channel.settled > 0n) this.knownTenures.add(tenureKey(channel.terms));
    }
    this.#journal = new Journal({
      collect: () => this.#collect(),
      write: (changes) => this.store.write(changes.rows),
      written: (changes) => this.#written(changes),
      restore: (changes) => this.#restore(changes),
      lingerMs: policy.lingerMs,
      patienceMs: policy.databasePatienceMs,
    });
  }

  /** Errors: as of `LedgerStore.open`. */
  static async open(
    databaseUrl: string,
    owner: LedgerOwner,
    policy: WalletPolicy,
    freed: (channel: ChannelEntry) => void,
  ): Promise<LedgerBook> {
    const store = await LedgerStore.open(databaseUrl, owner);
    try {
      return new LedgerBook(store, await store.load(), policy, freed);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /** Whether the last attempt to write worked. */
  get isWritable(): boolean {
    return this.#journal.failure === undefined;
  }

  /** Set once another wallet has taken the ledger over: nothing more may be signed here. */
  get lost(): WeftError | undefined {
    const { failure } = this.#journal;
    return failure instanceof WeftError && failure.reason === 'LEDGER_IN_USE' ? failure : undefined;
  }

  addCall(entry: CallEntry): void {
    this.calls.set(entry.key, entry);
    this.#knownIds.add(entry.call.callId);
  }

  /** Whether a call that is not in memory may be in the database. */
  mayKnow(callId: Uint8Array): boolean {
    return this.#knownIds.has(callId);
  }

  async call(callId: Uint8Array): Promise<CallEntry | undefined> {
    const key = idKey(callId);
    const known = this.calls.get(key);
    if (known !== undefined || !this.mayKnow(callId)) return known;
    const row = await this.store.call(callId);
    if (row === undefined) return this.calls.get(key);
    const quote = row.quote === null ? undefined : await this.quote(row.quote);
    const channel = this.channels.get(idKey(row.channel));
    // Somebody else may have been faster; there is one entry per call.
    const meanwhile = this.calls.get(key);
    if (meanwhile !== undefined || channel === undefined) return meanwhile;
    const entry = callFromRow(row, channel, quote);
    this.calls.set(key, entry);
    return entry;
  }

  async job(callId: Uint8Array): Promise<JobEntry | undefined> {
    const key = idKey(callId);
    const known = this.jobs.get(key);
    if (known !== undefined) return known;
    const row = await this.store.job(callId);
    const quote = row?.quote == null ? undefined : await this.quote(row.quote);
    const meanwhile = this.jobs.get(key);
    if (row === undefined || meanwhile !== undefined) return meanwhile;
    const entry = jobFromRow(row, quote);
    this.jobs.set(key, entry);
    return entry;
  }

  async quote(quoteId: Uint8Array): Promise<QuoteEntry | undefined> {
    const key = idKey(quoteId);
    const known = this.quotes.get(key);
    if (known !== undefined) return known;
    const row = await this.store.quote(quoteId);
    const meanwhile = this.quotes.get(key);
    if (row === undefined || meanwhile !== undefined) return meanwhile;
    const entry = quoteFromRow(row, this.channels, this.tokens);
    this.quotes.set(key, entry);
    return entry;
  }

  /** Something changed; it is written soon, and at once if a channel's ceiling comes near. */
  changed(channel?: ChannelEntry): void {
    if (channel !== undefined && this.#nearCeiling(channel)) this.#journal.hurry();
    else this.#journal.schedule();
  }

  /** Resolves when everything up to now is durable. Errors: LEDGER_UNAVAILABLE. */
  flush(): Promise<void> {
    return this.#journal.flush();
  }

  bar(asset: bigint, why: string): void {
    if (this.barred.has(asset)) return;
    this.barred.set(asset, why);
    this.ledger.dirty.barred.add({ asset, why });
  }

  async close(): Promise<void> {
    try {
      // Nothing is on its way any more: without a gap below the ceiling the next start need not count one.
      for (const channel of this.channels.values()) if (channel.ceiling > channel.signed) this.#lower(channel);
      await this.#journal.stop();
    } finally {
      await this.store.close();
    }
  }

  #lower(channel: ChannelEntry): void {
    channel.ceiling = channel.signed;
    this.ledger.dirty.channels.add(channel);
    channel.quotes.clear();
  }

  /** How much may be signed ahead of being written: a full flight of calls, never more than open quotes allow. */
  #step(channel: ChannelEntry): bigint {
    let dearest = 0n;
    for (const { pins } of channel.quotes)
      for (const pin of pins) if (pin.channel === channel) dearest = maxAmount(dearest, pin.maxPerCall);
    return minAmount(BigInt(this.policy.maxInFlight) * dearest, needsOf(channel));
  }

  #nextCeiling(channel: ChannelEntry): bigint {
    const step = channel.status === 'open' ? this.#step(channel) : 0n;
    channel.step = step;
    if (step === 0n) return channel.signed;
    return maxAmount(channel.ceiling, maxAmount(channel.signed, minAmount(channel.deposited, channel.signed + step)));
  }

  #nearCeiling(channel: ChannelEntry): boolean {
    if (channel.signed + channel.step / 2n <= channel.ceiling || channel.ceiling >= channel.deposited) return false;
    return this.#nextCeiling(channel) > channel.ceiling;
  }

  #collect(): Changes | undefined {
    const { dirty } = this.ledger;
    if (
      dirty.channels.size +
        dirty.quotes.size +
        dirty.calls.size +
        dirty.jobs.size +
        dirty.tokens.size +
        dirty.barred.size ===
      0
    )
      return undefined;
    const channels = [...dirty.channels].map((channel) => {
      const ceiling = this.#nextCeiling(channel);
      // A lower ceiling holds at once, a higher one when it is durable.
      channel.ceiling = minAmount(channel.ceiling, ceiling);
      return { channel, ceiling };
    });
    const [quotes, calls, jobs] = [[...dirty.quotes], [...dirty.calls], [...dirty.jobs]];
    const [tokens, barred] = [[...dirty.tokens], [...dirty.barred]];
    for (const set of Object.values(dirty)) set.clear();
    const rows = {
      channels: channels.map(({ channel, ceiling }) => channelToRow(channel, ceiling)),
      quotes: quotes.map(quoteToRow),
      calls: calls.map(callToRow),
      jobs: jobs.map(jobToRow),
      tokens: tokens.map(tokenToRow),
      barred: barred.map(({ asset, why }) => ({ asset: String(asset), why })),
    };
    return { channels, quotes, calls, jobs, tokens, barred, rows };
  }

  #written({ channels }: Changes): void {
    for (const { channel, ceiling } of channels) channel.ceiling = ceiling;
    if (this.calls.size > CALLS_KEPT || this.quotes.size > QUOTES_KEPT || this.jobs.size > CALLS_KEPT) this.#forget();
  }

  #restore({ channels, quotes, calls, jobs, tokens, barred }: Changes): void {
    const { dirty } = this.ledger;
    for (const { channel } of channels) dirty.channels.add(channel);
    for (const quote of quotes) dirty.quotes.add(quote);
    for (const call of calls) dirty.calls.add(call);
    for (const job of jobs) dirty.jobs.add(job);
    for (const token of tokens) dirty.tokens.add(token);
    for (const each of barred) dirty.barred.add(each);
  }

  /** Drops the older half of what is finished and written. A quote goes together with all of its calls. */
  #forget(): void {
    const { dirty } = this.ledger;
    let surplus = this.quotes.size - QUOTES_KEPT / 2;
    const gone = new Set<QuoteEntry>();
    const needed = new Set<QuoteEntry>();
    for (const entry of this.calls.values())
      if (entry.quote !== undefined && (isHeld(entry) || dirty.calls.has(entry))) needed.add(entry.quote);
    for (const job of this.jobs.values())
      if (!isOpenJob(job) && !dirty.jobs.has(job)) this.jobs.delete(job.key);
      else if (job.quote !== undefined) needed.add(job.quote);
    for (const quote of this.quotes.values()) {
      if (surplus <= 0) break;
      if (!quote.closed || quote.held > 0n || quote.loose > 0n || dirty.quotes.has(quote) || needed.has(quote))
        continue;
      this.quotes.delete(quote.key);
      gone.add(quote);
      surplus--;
    }
    surplus = this.calls.size - CALLS_KEPT / 2;
    for (const entry of this.calls.values()) {
      const idle = !isHeld(entry) && !dirty.calls.has(entry);
      if (!idle || (surplus <= 0 && !(entry.quote && gone.has(entry.quote)))) continue;
      this.calls.delete(entry.key);
      surplus--;
    }
  }
}
