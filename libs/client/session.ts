import { WeftError } from '#core/errors.js';
import { callId } from '#payments/digests.js';
import type { PinRequest } from '#payments/payer/wallet.js';
import { type Exchange, exchange } from './call/exchange.js';
import type { PaidCall, PaidCaller, Proof } from './call/paid-caller.js';
import { openQuote, pinRequirements, type QuoteMaker, type QuoteOrder, quoteIdOf, reopenQuote } from './quote.js';

export interface SessionCallOptions {
  readonly signal?: AbortSignal;
  /** For the call with its retries, in milliseconds. Default 60,000. */
  readonly deadlineMs?: number;
}

/** How often a call that meets a passing failure is sent. */
const MAX_ATTEMPTS = 4;

/** Calls under one quote, or with one licence, outside of workflows: pins, call ids, retries. */
export class Session {
  readonly #pins: ReadonlyMap<string, PinRequest>;
  #closed = false;
  readonly #counts = new Map<string, number>();

  private constructor(
    private readonly parts: SessionParts,
    private readonly runKey: string,
    private readonly quoteId: Uint8Array,
    pins: readonly PinRequest[],
    /** Whether the wallet has opened the quote. */
    private readonly isQuoted: boolean,
  ) {
    this.#pins = new Map(pins.map((pin) => [pin.step, pin]));
  }

  /**
   * Pins and funds what is wanted. `runKey` decides the ids of the calls: with the same one, the same calls in the same
   * order are answered from what was paid before.
   */
  static async open(parts: SessionParts, runKey: string, wanted: Omit<QuoteOrder, 'quoteId'>): Promise<Session> {
    const quoteId = quoteIdOf(runKey);
    const { pins } = await openQuote(parts, { quoteId, ...wanted });
    return new Session(parts, runKey, quoteId, pins, true);
  }

  /** Pins what is wanted; a licence pays for it, so that nothing is funded and no quote opened. */
  static async licensed(
    parts: SessionParts,
    runKey: string,
    { requirements, licence }: Pick<QuoteOrder, 'requirements'> & { readonly licence: Uint8Array },
  ): Promise<Session> {
    const pins = await pinRequirements(parts.market, requirements, [licence]);
    return new Session(parts, runKey, quoteIdOf(runKey), pins, false);
  }

  /** The whole response; `isStream` says whether the method is a server stream. */
  exchange(step: string, request: Uint8Array, isStream: boolean, options?: SessionCallOptions): Promise<Exchange> {
    return exchange(this.parts.caller, this.#paidCall(step, request, options), { stream: isStream });
  }

  stream(step: string, request: Uint8Array, options?: SessionCallOptions): AsyncGenerator<Uint8Array, Proof, void> {
    return this.parts.caller.stream(this.#paidCall(step, request, options));
  }

  /** Ends the session and frees what was not spent. A failure costs no answer: the quote then ends by itself when it expires. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.parts.caller.flush();
    if (this.isQuoted) await this.parts.wallet.closeQuote(this.quoteId).catch(() => {});
  }

  #paidCall(step: string, request: Uint8Array, options: SessionCallOptions = {}): PaidCall {
    const pin = this.#pins.get(step);
    if (this.#closed) throw new WeftError('QUOTE_CLOSED', 'this client was closed');
    if (pin === undefined)
      throw new WeftError('QUOTE_UNKNOWN', `${step} is not offered for the price that is allowed`, { step });
    const n = this.#counts.get(step) ?? 0;
    this.#counts.set(step, n + 1);
    const { runKey, quoteId } = this;
    return {
      ...options,
      quoteId,
      pin,
      request,
      callId: callId({ runKey, stepPath: step, n, asset: pin.asset }),
      maxAttempts: MAX_ATTEMPTS,
      ...(this.isQuoted ? { reopenQuote: () => reopenQuote(this.parts.wallet, quoteId) } : {}),
    };
  }
}

export interface SessionParts extends QuoteMaker {
  readonly caller: PaidCaller;
}
