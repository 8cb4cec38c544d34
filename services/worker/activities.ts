import { setTimeout as delay } from 'node:timers/promises';
import { activityInfo, Context } from '@temporalio/activity';
import { exchange } from '#client/call/exchange.js';
import type { PaidCall } from '#client/call/paid-caller.js';
import { openQuote, quoteIdOf, reopenQuote, totalOf } from '#client/quote.js';
import type { SessionParts } from '#client/session.js';
import { WeftError } from '#core/errors.js';
import { fromHex, toHex } from '#core/hex.js';
import { formatAmount, parseAmount } from '#core/money.js';
import { callId } from '#payments/digests.js';
import type { OpenedQuote, PinRequest } from '#payments/payer/wallet.js';
import { writeReceipt } from '#payments/wire.js';
import { StepResult } from '#protos/weft/run/v1/step.js';
import type {
  JobEnd,
  JobOutcome,
  RunActivities,
  RunQuote,
  RunQuoteRequest,
  StepCall,
} from '#workflows/runtime/activities.js';
import { asFailure } from '#workflows/runtime/failure.js';
import { mayTryAgain, timeLeftMs } from './time-left.js';

/** A result above this could not be carried through the workflow; refused before Temporal would retry for ever. */
const MAX_RESULT_BYTES = 16 * 1024 * 1024;
const MOST_HEARTBEAT_MS = 5_000;

/** What the worker does for workflow code. Keeps nothing but pins of quotes, which never change. */
export function createActivities(parts: SessionParts): RunActivities {
  const pins = new PinCache(parts);
  return {
    openQuote: (request) => failing(() => beating(() => openRunQuote(parts, request))),
    call: (step, request) => failing(() => beating(() => callStep(parts, pins, step, request))),
    endJob: (end) => failing(() => beating(() => endJob(parts, pins, end))),
    closeQuote: (quoteId) => failing(() => parts.wallet.closeQuote(fromHex(quoteId, 'quoteId', 32))),
  };
}

async function openRunQuote(parts: SessionParts, request: RunQuoteRequest): Promise<RunQuote> {
  const { runKey, requirements, maxTotal, licences = [] } = request;
  const { cancellationSignal, cancelled } = Context.current();
  const quoteId = quoteIdOf(runKey);
  const opened = await openQuote(parts, {
    quoteId,
    requirements,
    licences: licences.map((id, i) => fromHex(id, `licences[${i}]`, 32)),
    ...(maxTotal === undefined ? {} : { maxTotal: parseAmount(maxTotal, 'maxTotal') }),
  });
  if (!cancellationSignal.aborted) return describe(opened);
  // The run will not hear of it, and close it, any more.
  await parts.wallet.closeQuote(quoteId);
  return cancelled;
}

const describe = ({ quote, pins, transaction }: OpenedQuote): RunQuote => ({
  quoteId: toHex(quote.quoteId),
  total: formatAmount(totalOf(pins)),
  pins: pins.map(({ step, listing, asset, method, calls, maxPerCall, licence }) => ({
    step,
    method,
    calls,
    listing: toHex(listing),
    asset: String(asset),
    maxPerCall: formatAmount(maxPerCall),
    ...(licence === undefined ? {} : { licence: toHex(licence) }),
  })),
  ...(transaction === undefined ? {} : { transaction }),
});

async function callStep(parts: SessionParts, pins: PinCache, step: StepCall, request: Uint8Array): Promise<Uint8Array> {
  const info = activityInfo();
  if (timeLeftMs(info) <= 0)
    throw new WeftError('DEADLINE', `${step.step} got no answer in its time`, { step: step.step });
  const quoteId = fromHex(step.quoteId, 'quoteId', 32);
  const pin = await pins.get(quoteId, step.step);
  const call: PaidCall = {
    quoteId,
    pin,
    callId: callId({ runKey: step.runKey, stepPath: step.step, n: step.n, asset: pin.asset }),
    request,
    // Ends before Temporal gives the attempt up, so that the reason is told and not just "timeout".
    deadlineMs: Math.min(info.startToCloseTimeoutMs, timeLeftMs(info)) * 0.95,
    signal: Context.current().cancellationSignal,
    reopenQuote: () => reopenQuote(parts.wallet, quoteId),
    // So that an attempt goes to another endpoint than the one before it.
    earlierAttempts: info.attempt - 1,
  };
  const { messages, ...proof } = await exchange(parts.caller, call, {
    stream: step.maxMessages !== undefined,
    ...(step.maxMessages === undefined ? {} : { maxMessages: step.maxMessages }),
    maxBytes: MAX_RESULT_BYTES,
  });
  return StepResult.encode({
    responses: [...messages],
    receipt: proof.receipt === undefined ? undefined : writeReceipt(proof.receipt),
    signer: proof.signer ?? new Uint8Array(),
    attempts: proof.attempts,
    latencyMs: proof.latencyMs,
  }).finish();
}

const FIRST_LOOK_MS = 200;
const SLOWEST_LOOK_MS = 5_000;

/** A verdict waits until the provider has handed its answer in; a rejection need not. */
async function endJob(parts: SessionParts, pins: PinCache, end: JobEnd): Promise<JobOutcome> {
  const { wallet } = parts;
  const { cancellationSignal: signal } = Context.current();
  const { asset } = await pins.get(fromHex(end.quoteId, 'quoteId', 32), end.step);
  const id = callId({ runKey: end.runKey, stepPath: end.step, n: end.n, asset });
  for (let pause = FIRST_LOOK_MS; ; pause = Math.min(pause * 1.5, SLOWEST_LOOK_MS)) {
    let job = await wallet.job(id);
    // A call that failed before its job was made has nothing to be taken back.
    if (job === undefined && end.verdict === 'reject') return { state: 'EXPIRED', paid: '0' };
    if (job === undefined) throw new WeftError('NOT_FOUND', `no job was funded for ${end.step}`, { step: end.step });
    if (end.verdict === 'reject' || (end.verdict === 'accept' && job.state === 'SUBMITTED'))
      job = await wallet.evaluateJob(id, end.verdict);
    const { state, paid } = job;
    if (state === 'COMPLETED' || state === 'REJECTED' || state === 'EXPIRED')
      return { state, paid: formatAmount(paid) };
    await delay(pause, undefined, { signal });
  }
}

/** A quote's pins, asked of the wallet once: a step need not carry them through the history. */
class PinCache {
  static readonly MAX_QUOTES = 1_000;
  readonly #quotes = new Map<string, Promise<ReadonlyMap<string, PinRequest>>>();

  constructor(private readonly parts: SessionParts) {}

  async get(quoteId: Uint8Array, step: string): Promise<PinRequest> {
    const pin = (await this.#pinsOf(quoteId)).get(step);
    if (pin === undefined) throw new WeftError('QUOTE_UNKNOWN', `the run's quote has no step ${step}`, { step });
    return pin;
  }

  #pinsOf(quoteId: Uint8Array): Promise<ReadonlyMap<string, PinRequest>> {
    const key = toHex(quoteId);
    const known = this.#quotes.get(key);
    if (known !== undefined) return known;
    const asked = this.parts.wallet
      .quoteStatus(quoteId)
      .then(({ pins }) => new Map(pins.map((pin) => [pin.step, pin])));
    asked.catch(() => this.#quotes.delete(key));
    this.#quotes.set(key, asked);
    const [oldest] = this.#quotes.keys();
    if (this.#quotes.size > PinCache.MAX_QUOTES && oldest !== undefined) this.#quotes.delete(oldest);
    return asked;
  }
}

/** Tells Temporal that the attempt is alive, which is also how an ordinary activity hears that it is cancelled. */
async function beating<T>(work: () => Promise<T>): Promise<T> {
  const { heartbeatTimeoutMs } = activityInfo();
  if (heartbeatTimeoutMs === undefined) return work();
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat(), Math.min(heartbeatTimeoutMs / 3, MOST_HEARTBEAT_MS));
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

/** Errors as Temporal carries them; of unknown ones nothing is told, since a history may be read by others. */
async function failing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { cancellationSignal, cancelled, log } = Context.current();
    if (cancellationSignal.aborted) return cancelled;
    if (!(error instanceof WeftError)) log.error('an activity failed inside', { error });
    const info = activityInfo();
    throw asFailure(WeftError.from(error), info.attempt, mayTryAgain(info));
  }
}
