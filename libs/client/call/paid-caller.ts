import { setTimeout as delay } from 'node:timers/promises';
import { type Client, Metadata } from '@grpc/grpc-js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import type { Reason } from '#core/reasons.js';
import { messageDigest, StreamDigest } from '#payments/digests.js';
import type { CallEnd, JobReservation, PinRequest, Reservation, Wallet } from '#payments/payer/wallet.js';
import type { ChannelPool } from '#payments/rpc/channel-pool.js';
import { callRaw, type RawCallOptions, streamRaw } from '#payments/rpc/raw-call.js';
import { channelId, type Domain, type Receipt } from '#payments/typed-data.js';
import {
  type LicencePayment,
  readReceipt,
  type Signed,
  writeJobPayment,
  writeLicencePayment,
  writePayment,
} from '#payments/wire.js';
import { asBuffer } from '#platform/as-buffer.js';
import { Payment as PaymentMessage, Receipt as ReceiptMessage } from '#protos/weft/payment/v1/payment.js';
import { checkResponseDigest, type ReceiptChecker } from './check-receipt.js';
import { LoopTurns } from './loop-turns.js';

/** What is sent to whom, under which quote. */
export interface PaidCall {
  readonly quoteId: Uint8Array;
  /** As the quote pinned it; a maximum of 0 means a free call, which needs no wallet, unless a licence admits it. */
  readonly pin: PinRequest;
  /** 32 bytes; the same on every retry of the same call. */
  readonly callId: Uint8Array;
  readonly request: Uint8Array;
  /** For the whole call with its retries, in milliseconds. Default 60,000. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  /** How often a call that meets a passing failure is sent; what the protocol itself asks to repeat does not count. Default 1. */
  readonly maxAttempts?: number;
  /** How often the same call was sent before, by whoever repeats it; it goes on with the endpoint after. Default 0. */
  readonly earlierAttempts?: number;
  /** Opens the quote once more, which fills its channels; tried once when one is empty, and once when the quote was closed. */
  readonly reopenQuote?: () => Promise<unknown>;
}

/** What proves a call. */
export interface Proof {
  /** Undefined for a free call. */
  readonly receipt: Signed<Receipt> | undefined;
  /** Whose signature it carries. */
  readonly signer: Uint8Array | undefined;
  /** With the earlier ones. */
  readonly attempts: number;
  /** Of the attempt that succeeded: from asking the wallet to having verified the receipt. */
  readonly latencyMs: number;
}

export interface PaidReply extends Proof {
  /** The response message as received. */
  readonly bytes: Uint8Array;
}

export interface PaidCallerOptions {
  readonly wallet: Wallet;
  readonly channels: ChannelPool;
  readonly receipts: ReceiptChecker;
  readonly domain: Domain;
  /** Told when the wallet could not be told how a call ended; its sweeper will find out. */
  readonly onUnsettled?: (callId: Uint8Array, error: unknown) => void;
}

interface Attempt {
  readonly number: number;
  readonly startedAtMs: number;
  /** Undefined for a free call, and with a licence. */
  readonly reservation: Reservation | JobReservation | undefined;
  readonly use: LicencePayment | undefined;
  readonly client: Client;
  readonly options: RawCallOptions;
}

const FIRST_WAIT_MS = 25;
const LONGEST_WAIT_MS = 2_000;

/** What passes by waiting, as long as the call's deadline allows. */
const waitFor: ReadonlySet<Reason> = new Set([
  'CALL_IN_FLIGHT',
  'TOO_MANY_IN_FLIGHT',
  'CHANNEL_UNKNOWN',
  'JOB_UNKNOWN',
]);

/**
 * Makes paid calls: the wallet signs, the bytes go out with the voucher, the receipt is checked, the wallet is told.
 * It keeps nothing but connections and settlements on their way. A call may be repeated with its id as often as one
 * likes and is charged once. Errors are WeftErrors; after a `retryable` one the same call may be made again.
 */
export class PaidCaller {
  readonly #settling = new Set<Promise<void>>();
  readonly #turns = new LoopTurns();

  constructor(private readonly parts: PaidCallerOptions) {}

  /** One unary call. */
  call(call: PaidCall): Promise<PaidReply> {
    return this.#retrying(call, async (attempt) => {
      const reply = await callRaw(attempt.client, pathOf(call), call.request, attempt.options);
      if (reply.error !== undefined) throw await this.#failed(call, attempt, reply.error, reply.trailers);
      const bytes = reply.bytes as Buffer;
      await this.#turns.take();
      return { bytes, ...(await this.#prove(call, attempt, reply.trailers, messageDigest(bytes))) };
    });
  }

  /**
   * One server stream: yields its messages and returns the proof. It is tried again only up to its first message;
   * repeating the call later gets the messages that were charged once more. Leaving early cancels the call.
   */
  async *stream(call: PaidCall): AsyncGenerator<Uint8Array, Proof, void> {
    // Funded, its money would be away until the job expires.
    if (call.pin.job !== undefined) throw streamByJob(call.pin.step);
    const { attempt, source, messages, first } = await this.#retrying(call, async (attempt) => {
      const source = streamRaw(attempt.client, pathOf(call), call.request, attempt.options);
      const messages = source[Symbol.asyncIterator]();
      try {
        return { attempt, source, messages, first: await messages.next() };
      } catch (error) {
        throw await this.#failed(call, attempt, WeftError.from(error), (await source.status).trailers);
      }
    });
    const digest = new StreamDigest();
    let left = true;
    try {
      for (let next = first; !next.done; next = await messages.next()) {
        digest.add(next.value);
        yield next.value;
      }
      left = false;
    } catch (error) {
      left = false;
      source.cancel();
      throw await this.#failed(call, attempt, WeftError.from(error), (await source.status).trailers);
    } finally {
      if (left) {
        source.cancel();
        void this.#settle(attempt, 'unclear');
      }
    }
    return this.#prove(call, attempt, (await source.status).trailers, digest.digest());
  }

  /** Waits until the wallet has been told how every answered call ended. */
  async flush(): Promise<void> {
    while (this.#settling.size > 0) await Promise.all(this.#settling);
  }

  /** As `flush`, then lets go of the connections. */
  async close(): Promise<void> {
    await this.flush();
    this.parts.channels.close();
  }

  async #retrying<T>(call: PaidCall, send: (attempt: Attempt) => Promise<T>): Promise<T> {
    const endsAtMs = Date.now() + (call.deadlineMs ?? 60_000);
    const repairs = this.#repairs(call);
    let failures = 0;
    let waitMs = FIRST_WAIT_MS;
    for (let number = (call.earlierAttempts ?? 0) + 1; ; number++) {
      let attempt: Attempt | undefined;
      try {
        attempt = await this.#prepare(call, number, endsAtMs - Date.now());
        return await send(attempt);
      } catch (thrown) {
        const error = WeftError.from(thrown);
        if (call.signal?.aborted) throw new WeftError('CANCELLED', 'the call was cancelled', {}, { cause: error });
        const repair = repairs.get(error.reason);
        if (repair !== undefined) {
          repairs.delete(error.reason);
          await repair(attempt);
          continue;
        }
        const wait = waitFor.has(error.reason) || (error.retryable && ++failures < (call.maxAttempts ?? 1));
        if (!wait || Date.now() + waitMs >= endsAtMs) throw exhausted(call, error);
        await delay(waitMs, undefined, { signal: call.signal }).catch(() => {});
        waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
      }
    }
  }

  /** What can be done once, and at once, about a refusal. */
  #repairs({ reopenQuote }: PaidCall): Map<Reason, (attempt?: Attempt) => Promise<unknown>> {
    const repairs = new Map<Reason, (attempt?: Attempt) => Promise<unknown>>();
    repairs.set('RECONCILE', async (attempt) => {
      const payment = attempt?.reservation?.payment;
      if (payment === undefined || 'job' in payment) return;
      await this.parts.wallet.reconcile(channelId(payment.terms, this.parts.domain));
    });
    if (reopenQuote !== undefined) repairs.set('CHANNEL_EMPTY', reopenQuote).set('QUOTE_CLOSED', reopenQuote);
    return repairs;
  }

  async #prepare(call: PaidCall, number: number, deadlineMs: number): Promise<Attempt> {
    const { pin, callId, quoteId, request, signal } = call;
    const startedAtMs = Date.now();
    // First, since a refused endpoint must leave nothing reserved.
    const client = await this.parts.channels.client(pin.endpoints[(number - 1) % pin.endpoints.length] ?? '');
    const metadata = new Metadata();
    let reservation: Attempt['reservation'];
    let use: LicencePayment | undefined;
    if (pin.licence !== undefined) {
      const { listing, method } = pin;
      const licensed = { callId, listing, method, requestDigest: messageDigest(request), maxAmount: 0n };
      use = await this.parts.wallet.signUse(pin.licence, licensed, pin.endpoints, quoteId);
      metadata.set('weft-payment-bin', asBuffer(PaymentMessage.encode(writeLicencePayment(use)).finish()));
    } else if (pin.maxPerCall > 0n) {
      const requestDigest = messageDigest(request);
      const asked = { quoteId, step: pin.step, callId, requestDigest };
      const { wallet } = this.parts;
      reservation = await (pin.job === undefined ? wallet.reserve(asked) : wallet.fundJob(asked));
      const { payment } = reservation;
      const message = 'job' in payment ? writeJobPayment(payment) : writePayment(payment);
      metadata.set('weft-payment-bin', asBuffer(PaymentMessage.encode(message).finish()));
    }
    const options = { metadata, deadlineMs: Math.max(deadlineMs, 1), ...(signal === undefined ? {} : { signal }) };
    return { number, startedAtMs, reservation, use, client, options };
  }

  async #prove(call: PaidCall, attempt: Attempt, trailers: Metadata, responseDigest: Uint8Array): Promise<Proof> {
    const { reservation, use } = attempt;
    const found = { receipt: undefined, signer: undefined, attempts: attempt.number };
    if (reservation === undefined && use === undefined)
      return { ...found, latencyMs: Date.now() - attempt.startedAtMs };
    const receipt = receiptIn(trailers);
    if (receipt === undefined) {
      void this.#settle(attempt, 'unclear');
      throw new WeftError('RECEIPT_INVALID', 'the response came without a receipt that can be read', {
        field: 'receipt',
      });
    }
    // The wallet judges for itself: what does not hold is disputed there, what holds is counted whatever follows here.
    void this.#settle(attempt, { receipt });
    const signer = await this.#signerOf(receipt, attempt, call.pin);
    if (receipt.outcome !== 'complete')
      throw new WeftError('RECEIPT_INVALID', 'the receipt says that the response is not complete', {
        field: 'receipt.outcome',
      });
    checkResponseDigest(receipt, responseDigest);
    return { ...found, receipt, signer, latencyMs: Date.now() - attempt.startedAtMs };
  }

  #signerOf(receipt: Signed<Receipt>, { reservation, use }: Attempt, pin: PinRequest): Promise<Uint8Array> {
    const { receipts } = this.parts;
    if (reservation !== undefined) return receipts.signer(receipt, reservation.payment, pin);
    const { call, licenceId: account } = use as LicencePayment;
    const { asset, tenure, operator } = pin;
    return receipts.signerFor(receipt, { call, account, asset, tenure }, operator);
  }

  /** Tells the wallet how a failed attempt ended, before the same call can be tried again. */
  async #failed(call: PaidCall, attempt: Attempt, error: WeftError, trailers: Metadata): Promise<WeftError> {
    if (attempt.reservation === undefined && attempt.use === undefined) return error;
    const receipt = receiptIn(trailers);
    const [outcome] = trailers.get('weft-outcome');
    const unpaid = outcome === 'not-charged' ? 'not-charged' : 'unclear';
    await this.#settle(attempt, receipt === undefined ? unpaid : { receipt });
    if (receipt?.outcome !== 'partial') return error;
    const details = { ...error.details, charged: String(receipt.amount) };
    const what = `the stream broke off, and what had come until then was charged (${call.pin.step}): ${error.message}`;
    return new WeftError('STREAM_BROKEN', what, details, { cause: error });
  }

  /** In the background: a settlement that fails never fails the call, since the sweeper asks the provider later. */
  async #settle({ reservation, use }: Attempt, end: CallEnd): Promise<void> {
    const paid = reservation?.payment ?? use;
    if (paid === undefined) return;
    const { callId } = paid.call;
    const { wallet } = this.parts;
    const told = use === undefined ? wallet.settle(callId, end) : wallet.settleUse(use.licenceId, callId, end);
    const settling = told.then(
      () => {},
      (error: unknown) => this.parts.onUnsettled?.(callId, error),
    );
    this.#settling.add(settling);
    await settling;
    this.#settling.delete(settling);
  }
}

/** The paywall says the same. */
export const streamByJob = (step: string): WeftError =>
  new WeftError('JOB_UNFIT', `a job pays for one response, not for a stream: settle ${step} through a channel`, {
    step,
  });

const pathOf = (call: PaidCall): string => `/${call.pin.method}`;

/** Undefined also for what is no receipt: anybody may answer anything. */
function receiptIn(trailers: Metadata): Signed<Receipt> | undefined {
  const [bytes] = trailers.get('weft-receipt-bin');
  if (!Buffer.isBuffer(bytes)) return undefined;
  try {
    return readReceipt(ReceiptMessage.decode(bytes));
  } catch {
    return undefined;
  }
}

const licenceReasons: ReadonlySet<Reason> = new Set([
  'LICENCE_UNKNOWN',
  'LICENCE_FOREIGN',
  'LICENCE_EXPIRED',
  'LICENCE_ENDED',
  'LICENCE_SEALED',
  'LICENCE_USED_UP',
]);

/** What the caller can do about a refusal that no waiting changes. */
function exhausted({ pin }: PaidCall, error: WeftError): WeftError {
  const { reason, message, details } = error;
  const { step, licence } = pin;
  // It passes with a top-up; that was tried, or cannot be.
  if (reason === 'CHANNEL_EMPTY')
    return new WeftError('QUOTE_EXHAUSTED', `the channel is empty and the quote fills it no further: ${message}`, {
      ...details,
      step,
    });
  if (licence === undefined || !licenceReasons.has(reason)) return error;
  // Never paid instead: whoever named a licence has not agreed to that.
  const id = toHex(licence);
  const again = 'start again with another licence, or with none, which pays by the call';
  const what = `licence ${id} does not admit ${step}: ${message}; ${again}`;
  return new WeftError(reason, what, { ...details, step, licence: id }, { cause: error });
}
