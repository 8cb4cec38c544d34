import { setTimeout as delay } from 'node:timers/promises';
import { WeftError } from '#core/errors.js';
import type { LedgerBook } from './ledger/ledger-book.js';
import { type CallEntry, type ChannelEntry, isOpenCall, unownedOf } from './ledger/ledger-state.js';
import { FIRST_PAUSE_MS, LONGEST_PAUSE_MS, Pauses } from './pauses.js';
import type { WalletPolicy } from './policy.js';
import type { Proofs } from './proofs.js';
import type { ProviderPayments } from './provider-payments.js';
import type { Recovery } from './recovery.js';

/** How long providers that are being asked hold up the end. */
const STOP_WAIT_MS = 2_000;

export interface SweeperParts {
  readonly book: LedgerBook;
  readonly providers: ProviderPayments;
  readonly proofs: Proofs;
  readonly recovery: Recovery;
  readonly policy: WalletPolicy;
  readonly nowSec: () => number;
  /** Closes quotes that have run out, looks after channels whose transactions were not seen to end. */
  readonly housekeeping: () => Promise<void>;
  /** Asks about calls with licences. */
  readonly sweepLicences: () => Promise<void>;
  readonly dispute: (entry: CallEntry, fault: string) => Promise<void>;
  readonly warn: (message: string, details: Record<string, unknown>) => void;
}

/**
 * Clears up what calls left behind: asks providers to void every call that nobody will retry. The answer is the
 * receipt, if it was charged, or a Void. A provider that cannot be reached is asked again, ever more rarely; until
 * it answers, the call's money stays set aside.
 */
export class Sweeper {
  readonly #pauses = new Pauses<ChannelEntry>();
  readonly #rechecks = new Map<ChannelEntry, { pauseMs: number; atMs: number }>();
  /** What is under way, by the channel or as a whole: a provider that takes its time holds up nobody but itself. */
  readonly #running = new Map<ChannelEntry | 'licences', Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(private readonly parts: SweeperParts) {}

  start(): void {
    for (const channel of this.parts.book.ledger.unproven)
      if (unownedOf(channel) > 0n)
        this.#rechecks.set(channel, { pauseMs: FIRST_PAUSE_MS, atMs: Date.now() + FIRST_PAUSE_MS });
    this.#timer = setInterval(() => void this.#begin(), this.parts.policy.sweepEveryMs);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    const patience = new AbortController();
    await Promise.race([
      Promise.all(this.#running.values()),
      delay(STOP_WAIT_MS, undefined, { signal: patience.signal }).catch(() => {}),
    ]);
    patience.abort();
  }

  /**
   * One round; resolves when every provider that is due, or was being asked, has answered or failed; with `channel` only
   * that one's.
   */
  async sweep(channel?: ChannelEntry): Promise<void> {
    await this.#begin();
    await (channel === undefined ? Promise.all(this.#running.values()) : this.#running.get(channel));
  }

  /** Asks every provider that is due and is not being asked; waits for none. */
  async #begin(): Promise<void> {
    const { book, housekeeping, sweepLicences, warn } = this.parts;
    await housekeeping().catch((error: unknown) =>
      warn('housekeeping failed', { reason: WeftError.from(error).reason }),
    );
    const due = new Map<ChannelEntry, CallEntry[]>();
    for (const channel of book.ledger.unproven)
      if (channel.quotes.size > 0 || channel.inFlight > 0) due.set(channel, []);
    for (const entry of book.calls.values()) {
      if (!isOpenCall(entry) || !this.#isDue(entry)) continue;
      const calls = due.get(entry.channel);
      if (calls === undefined) due.set(entry.channel, [entry]);
      else calls.push(entry);
    }
    if (this.#stopped) return;
    for (const [channel, calls] of due)
      if (!this.#pauses.has(channel)) this.#run(channel, () => this.#sweepChannel(channel, calls));
    this.#recheck(Date.now());
    this.#run('licences', () =>
      sweepLicences().catch((error: unknown) =>
        warn('calls with licences were not looked after', { reason: WeftError.from(error).reason }),
      ),
    );
  }

  /** `work` never rejects. */
  #run(what: ChannelEntry | 'licences', work: () => Promise<void>): void {
    if (this.#running.has(what)) return;
    this.#running.set(
      what,
      work().finally(() => this.#running.delete(what)),
    );
  }

  /**
   * A call that a crash made the ledger forget may have been on its way when its provider was asked first. So it is
   * asked again a few times, ever more rarely.
   */
  #recheck(nowMs: number): void {
    for (const [channel, next] of this.#rechecks) {
      if (next.atMs > nowMs || !channel.proven || this.#running.has(channel)) continue;
      this.#run(channel, () => this.parts.recovery.prove(channel).catch(() => {}));
      next.pauseMs *= 2;
      next.atMs = nowMs + next.pauseMs;
      if (next.pauseMs > LONGEST_PAUSE_MS) this.#rechecks.delete(channel);
    }
  }

  /** At once when its quote is closed, since then nobody may retry it; else when its retries should be long over. */
  #isDue({ quote, state, lastAttemptSec }: CallEntry): boolean {
    const { policy, nowSec } = this.parts;
    if (quote === undefined || quote.closed) return true;
    return nowSec() >= lastAttemptSec + (state === 'DOUBT' ? policy.doubtSec : policy.reservedSec);
  }

  async #sweepChannel(channel: ChannelEntry, calls: readonly CallEntry[]): Promise<void> {
    try {
      if (!channel.proven) await this.parts.recovery.prove(channel);
      for (const entry of calls) {
        if (this.#stopped) return;
        if (isOpenCall(entry) && this.#isDue(entry)) await this.#ask(entry);
      }
      this.#pauses.end(channel);
    } catch (error) {
      const againInMs = this.#pauses.begin(channel);
      const { reason, message } = WeftError.from(error);
      this.parts.warn('a provider did not say what became of calls', {
        asset: String(channel.terms.asset),
        calls: calls.length,
        reason,
        message,
        againInMs,
      });
    }
  }

  async #ask(entry: CallEntry): Promise<void> {
    const { book, providers, proofs, dispute } = this.parts;
    const answer = await providers.void(entry.channel, entry.call.callId);
    if ('receipt' in answer) {
      const fault = await proofs.faultOfReceipt(answer.receipt, entry.channel, entry);
      if (fault !== undefined) return await dispute(entry, fault);
      book.ledger.settle(entry, answer.receipt);
    } else {
      if (!(await proofs.isVoid(answer.void, entry.channel, entry.call.callId)))
        throw new WeftError('BAD_SIGNATURE', 'the provider’s Void is not signed by its operator');
      book.ledger.void(entry);
    }
    book.changed(entry.channel);
  }
}
