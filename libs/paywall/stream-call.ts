import { randomUUID } from 'node:crypto';
import { status as codes, Metadata, ServerInterceptingCall, type ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { WeftError } from '#core/errors.js';
import { StreamDigest } from '#payments/digests.js';
import { Outcome, Receipt as ReceiptMessage } from '#protos/weft/payment/v1/payment.js';
import { type Admission, type ChannelAttempt, Refused, responseExpired } from './attempt.js';
import { encodeAnswer } from './encode-answer.js';
import type { Route } from './offers.js';
import { type EndStatus, refusal, trailers, type WireOutcome } from './refusal.js';
import { withMeter } from './units.js';
import type { Wall } from './wall.js';

type Status = Parameters<ServerInterceptingCallInterface['sendStatus']>[0];
type Listener = Parameters<ServerInterceptingCallInterface['start']>[0];

interface Waiting {
  readonly bytes: Buffer;
  /** What had been reported when the handler sent it. */
  readonly units: bigint | undefined;
}

/**
 * One server stream through the wall. Messages wait until the window they are in is paid for, signed for and
 * durable; then they are sent. What arrives while a window is being committed makes the next one.
 */
export class StreamCall extends ServerInterceptingCall {
  readonly #owner = randomUUID();
  readonly #digest = new StreamDigest();
  #metadata = new Metadata();
  #attempt: ChannelAttempt | undefined;
  #received = false;
  #cancelled = false;

  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** The writer is told to go on once there is room again. */
  #goOn: (() => void) | undefined;
  /** How the handler ended. */
  #handlerEnd: Status | undefined;
  #running = false;
  #ended = false;

  /** What has been committed so far. */
  #windows = 0;
  #amount = 0n;
  #receipt: Uint8Array | undefined;
  #lease: NodeJS.Timeout | undefined;
  #wake: (() => void) | undefined;

  constructor(
    private readonly wall: Wall,
    private readonly route: Route,
    private readonly call: ServerInterceptingCallInterface,
  ) {
    super(call);
  }

  override start(listener: Listener): void {
    this.call.start({
      onReceiveMetadata: (metadata: Metadata) => {
        this.#metadata = metadata;
        listener.onReceiveMetadata(metadata);
      },
      onReceiveMessage: (bytes: Buffer) => {
        if (this.#received) return listener.onReceiveMessage(bytes); // grpc-js refuses a second message
        this.#received = true;
        const begin = (admission: Admission) => {
          const message = this.#begin(admission, bytes);
          if (message === undefined) return;
          this.#metered(() => listener.onReceiveMessage(message));
        };
        try {
          const admission = this.wall.admit(this.route, this.#metadata, bytes);
          if (admission instanceof Promise) admission.then(begin).catch((error) => this.#refuse(error));
          else begin(admission);
        } catch (error) {
          this.#refuse(error);
        }
      },
      // Comes after the message was passed on, which asks for it; the handler starts here.
      onReceiveHalfClose: () => this.#metered(() => listener.onReceiveHalfClose()),
      onCancel: () => {
        this.#cancelled = true;
        listener.onCancel();
        this.#wake?.();
        if (this.#attempt !== undefined && !this.#running) void this.#run();
      },
    } as Listener);
  }

  override sendMetadata(metadata: Metadata): void {
    this.call.sendMetadata(metadata);
  }

  // biome-ignore lint/suspicious/noExplicitAny: grpc-js's own signature
  override sendMessage(message: any, callback: () => void): void {
    if (this.#ended) return;
    let bytes: Buffer;
    try {
      bytes = encodeAnswer(this.route, message);
    } catch (error) {
      this.#breakOff(error);
      return;
    }
    if (this.#attempt === undefined) {
      this.call.sendMessage(bytes, callback);
      return;
    }
    if (bytes.length > this.wall.charges.maxResponseBytes) {
      this.#breakOff(
        new WeftError('SERVICE_FAILED', `a message is larger than ${this.wall.charges.maxResponseBytes} bytes`),
      );
      return;
    }
    this.#waiting.push({ bytes, units: this.#attempt.meter?.units });
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes < this.wall.options.limits.windowBytes) callback();
    else this.#goOn = callback;
    void this.#run();
  }

  override sendStatus(status: Status): void {
    if (this.#attempt === undefined) {
      if (!this.#ended) this.call.sendStatus(status);
      return;
    }
    this.#handlerEnd = status;
    void this.#run();
  }

  #metered(run: () => void): void {
    withMeter(this.#attempt?.meter, run);
  }

  /** The decoded request if the handler is to run. */
  #begin(admission: Admission, bytes: Buffer): unknown {
    switch (admission.kind) {
      case 'free':
        break;
      case 'serve':
        this.#attempt = admission.attempt as ChannelAttempt; // a job pays no stream
        this.#attempt.onVoucher = () => this.#wake?.();
        this.#attempt.giveUp = (error) => this.#breakOff(error);
        if (this.#cancelled) {
          void this.#run();
          return undefined;
        }
        break;
      case 'stored':
        void this.#replay(admission).catch((error) => this.#refuse(error));
        return undefined;
      default:
        throw new Error('a stream is never joined');
    }
    try {
      return this.route.definition.requestType.decode(bytes);
    } catch {
      const error = new WeftError('INVALID_INPUT', `the request is not a message of ${this.route.method}`);
      this.#breakOff(error);
      return undefined;
    }
  }

  #refuse(error: unknown): void {
    this.call.sendStatus(this.wall.refusal(this.route, error));
  }

  /** Commits and sends until nothing waits or the stream is over. Only one runs at a time. */
  async #run(): Promise<void> {
    if (this.#running || this.#ended) return;
    this.#running = true;
    try {
      while (!this.#ended && !this.#cancelled) {
        if (this.#handlerEnd !== undefined && this.#handlerEnd.code !== codes.OK) {
          await this.#endWith(this.#handlerEnd);
        } else if (!(await this.#window())) break;
      }
      if (this.#cancelled && !this.#ended) await this.#endWith(undefined);
    } catch (error) {
      await this.#endInError(error);
    } finally {
      this.#running = false;
    }
  }

  /** Commits what can be paid for and sends it. False if there is nothing to do until something comes. */
  async #window(): Promise<boolean> {
    const attempt = this.#attempt!;
    const whole = this.#handlerEnd !== undefined;
    const { price, call } = attempt.verified;
    const most = attempt.account.mostOf(call);
    const metered = price.kind === 'metered';
    const units = attempt.meter?.units;
    if (metered && units === undefined && (whole || this.#goOn !== undefined))
      throw new WeftError('INTERNAL', `${this.route.method} is metered and reported no ${price.unit || 'units'}`);
    const costAt = (each: bigint | undefined) => attempt.account.costOf(price, each ?? 0n);
    const ready = metered && units === undefined ? [] : this.#waiting;
    if (ready.length === 0 && !whole) return false;

    // Everything if it can be paid for, else as many messages as can be.
    let count = ready.length;
    let last = whole;
    let amount = costAt(last ? units : ready[count - 1]?.units);
    const affordable = (wanted: bigint) => wanted <= most && this.wall.growHold(attempt, wanted - this.#amount);
    if (!affordable(amount)) {
      last = false;
      do {
        count -= 1;
        amount = count < 0 ? 0n : costAt(ready[count]?.units);
      } while (count >= 0 && !affordable(amount));
      count += 1;
      if (count === 0) {
        const wanted = costAt(ready[0]?.units ?? units);
        if (wanted > most)
          throw new WeftError('MAX_AMOUNT_TOO_LOW', 'the call has used up the maximum that was agreed for it');
        await this.#awaitVoucher(wanted - this.#amount);
        return true;
      }
    }
    const messages = this.#waiting.splice(0, count).map(({ bytes }) => bytes);
    for (const bytes of messages) {
      this.#digest.add(bytes);
      this.#waitingBytes -= bytes.length;
    }
    await this.#commit(messages, amount, last ? (units ?? 1n) : (ready[count - 1]?.units ?? 1n), last);
    for (const bytes of messages) if (!this.#cancelled) await this.#send(bytes);
    if (last) return this.#finish({ ...(this.#handlerEnd as Status), metadata: this.#trailers('charged') });
    const goOn = this.#goOn;
    this.#goOn = undefined;
    goOn?.();
    return true;
  }

  async #commit(messages: Buffer[], amount: bigint, units: bigint, last: boolean): Promise<void> {
    const { wall } = this;
    const attempt = this.#attempt!;
    const { verified } = attempt;
    const atSec = wall.options.chain.nowSec();
    const added = amount - this.#amount;
    const receipt = wall.charges.signReceipt(verified, {
      responseDigest: this.#digest.digest(),
      units: verified.price.kind === 'metered' ? units : 1n,
      amount,
      outcome: last ? 'complete' : 'partial',
      servedAtSec: atSec,
    });
    attempt.phase = 'committing';
    wall.options.onStage?.('served');
    wall.accounts.noteSeen(verified.payerKey, verified.call.callId);
    const result = await wall.charges.bookOf(verified).streams.commit({
      ...attempt.charged,
      receipt,
      atSec,
      n: this.#windows,
      messages,
      amount,
      added,
      last,
      owner: this.#owner,
      leaseMs: wall.options.limits.streamLeaseMs,
    });
    wall.options.onStage?.('committed');
    attempt.phase = 'serving';
    if (result.outcome === 'lost') throw new Lost();
    wall.spendHold(attempt, added, result.spent);
    this.#windows += 1;
    this.#amount = amount;
    this.#receipt = receipt;
    this.#lease ??= setInterval(() => this.#renew(), wall.options.limits.streamLeaseMs / 3).unref();
  }

  #renew(): void {
    const { payer, call } = this.#attempt!.verified;
    const { ledger, limits, onError } = this.wall.options;
    ledger.streams.renew(payer, call.callId, this.#owner, limits.streamLeaseMs).catch(onError);
  }

  #send(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => {
      // A stream that is cancelled meanwhile never says that it has sent.
      this.#wake = resolve;
      this.call.sendMessage(bytes, resolve);
    });
  }

  /** Until the payer has authorised as much more. A voucher may also have come to another process. */
  async #awaitVoucher(added: bigint): Promise<void> {
    const attempt = this.#attempt!;
    const { limits } = this.wall.options;
    const until = performance.now() + limits.extendWaitMs;
    while (!this.#cancelled && !this.wall.growHold(attempt, added)) {
      const left = until - performance.now();
      if (left <= 0) throw this.#unpaid(attempt, added - attempt.held);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(left, 250));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      await this.wall.rereadForMore(attempt.account);
    }
  }

  /** What a stream that waited in vain for `more` is told: whose deposit alone is short has signed enough. */
  #unpaid({ account }: ChannelAttempt, more: bigint): WeftError {
    const needed = account.spent + account.reserved + more;
    const amounts = { amount: String(this.#amount) };
    if (needed <= account.authorised && needed > account.deposited)
      return new WeftError('CHANNEL_EMPTY', 'the channel does not hold enough for what comes next; top it up', amounts);
    return new WeftError('UNDERPAID', 'no further voucher came, and what was authorised is used up', amounts);
  }

  #breakOff(error: unknown): void {
    const status = this.wall.refusal(this.route, error);
    if (this.#attempt === undefined) {
      this.#ended = true;
      this.call.sendStatus(status);
      return;
    }
    this.#handlerEnd = status;
    this.#wake?.();
    void this.#run();
  }

  async #endInError(error: unknown): Promise<void> {
    if (error instanceof Lost) return await this.#endAsStored();
    const status = this.wall.refusal(this.route, error);
    if (error instanceof WeftError && error.reason === 'LEDGER_UNAVAILABLE') {
      this.#attempt!.account.stale = true;
      this.#finish(status);
    } else await this.#endWith(status).catch((cause) => this.#finish(this.wall.refusal(this.route, cause)));
  }

  /** The stream breaks off here: charged for what was committed, or not at all. Without status, nobody listens. */
  async #endWith(status: Status | undefined): Promise<void> {
    const { payer, call } = this.#attempt!.verified;
    if (this.#windows > 0) await this.wall.options.ledger.streams.end(payer, call.callId, { owner: this.#owner });
    const metadata = this.#trailers(this.#windows > 0 ? 'charged' : 'not-charged', status?.metadata ?? undefined);
    this.#finish(status && { ...status, metadata });
  }

  /** Somebody else ended the call: a Void, or another process that served it. */
  async #endAsStored(): Promise<void> {
    const { payer, call } = this.#attempt!.verified;
    const row = await this.wall.options.ledger.call(payer, call.callId).catch(() => undefined);
    this.#attempt!.account.stale = true;
    if (row?.state === 'VOID')
      this.#finish(
        refusal(new WeftError('CALL_VOID', 'this call was declared void; use a new id'), { outcome: 'not-charged' }),
      );
    else if (row === undefined || row.running)
      this.#finish(refusal(new WeftError('CALL_IN_FLIGHT', 'this call is served elsewhere'), { outcome: undefined }));
    else this.#finish(refusal(broken(), { outcome: 'charged', receipt: row.proof }));
  }

  #finish(status: Status | EndStatus | undefined): false {
    this.#ended = true;
    clearInterval(this.#lease);
    this.wall.fail(this.#attempt!, status as EndStatus);
    if (status !== undefined) this.call.sendStatus(status);
    return false;
  }

  #trailers(outcome: WireOutcome, into?: Metadata): Metadata {
    return trailers(outcome, this.#receipt, into);
  }

  /** Sends a stored stream once more. */
  async #replay({ verified, row }: Extract<Admission, { kind: 'stored' }>): Promise<void> {
    const { payer, call } = verified;
    const { streams } = this.wall.options.ledger;
    await streams.end(payer, call.callId, { force: false });
    const windows = streams.messages(payer, call.callId);
    for (;;) {
      const next = await windows.next();
      if (next.done) {
        if (!next.value) throw responseExpired(row.proof);
        break;
      }
      for (const bytes of next.value) if (!this.#cancelled) await this.#send(bytes);
    }
    if (ReceiptMessage.decode(row.proof).outcome === Outcome.OUTCOME_PARTIAL)
      throw new Refused(broken(), 'charged', row.proof);
    this.call.sendStatus({ code: codes.OK, details: 'OK', metadata: trailers('charged', row.proof) });
  }
}

/** The stream's row is no longer ours. */
class Lost extends Error {}

const broken = (): WeftError =>
  new WeftError('STREAM_BROKEN', 'the stream broke off here; what was sent is charged, to go on is a new call');
