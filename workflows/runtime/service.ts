import type { Duration } from '@temporalio/common';
import { msToNumber } from '@temporalio/common/lib/time.js';
import { CancellationScope, log, proxyActivities, proxyLocalActivities, type RetryPolicy } from '@temporalio/workflow';
import { toHex } from '#core/hex.js';
import type { Choice, JobRequirement, Requirement } from '#core/requirement.js';
import {
  encodeRequest,
  type MethodDefinition,
  type RequestOf,
  type ResponseOf,
  type ServiceDefinition,
} from '#core/service-definition.js';
import { contractDigests } from '#protos/contract-digests.js';
import { StepResult } from '#protos/weft/run/v1/step.js';
import type { JobEnd, JobOutcome, RunActivities, RunQuote } from './activities.js';
import { reasonOf, refusal } from './failure.js';
import type { StepReceipt } from './progress.js';
import { currentRun, type Step } from './run.js';

/** Requests above this are refused before they reach Temporal, which would retry them for ever. */
const MAX_REQUEST_BYTES = 16 * 1024 * 1024;
/** Steps that may take longer are ordinary activities. */
const LOCAL_UP_TO_MS = 5_000;
const STEP_TIMEOUT: Duration = '60s';

/** Methods that a step can call: everything but client streams. */
type MethodKey<D extends ServiceDefinition> = {
  [K in keyof D['methods'] & string]: D['methods'][K]['requestStream'] extends false ? K : never;
}[keyof D['methods'] & string];

/** One value for every method, or values for those that are named; methods without one cannot be called. */
type PerMethod<D extends ServiceDefinition, T> = T | { readonly [K in MethodKey<D>]?: T };

export interface ServiceOptions<D extends ServiceDefinition> {
  /** The most that one call may cost, in minor units. The run's quote takes the listing's price, if that is not above it. */
  readonly maxPrice: PerMethod<D, string>;
  /** How often each method may be called in one run. Default 1. The quote counts with all of them. */
  readonly calls?: PerMethod<D, number>;
  /** Among listings of the contract. Default 'cheapest'. */
  readonly prefer?: Choice['prefer'];
  /** Only this listing: its digest, "0x…". */
  readonly listing?: string;
  /** Only this asset's listing in force: its id. */
  readonly asset?: string;
  /** The contract's digest, "0x…", for contracts that do not ship with Weft; without it any version of the service is taken. */
  readonly contract?: string;
  /** Begins the names of the steps; unique among the stubs of a worker. Default: the service's name without "Service", in lower case at its start. */
  readonly name?: string;
  /** How long one attempt may take. Default '60s'. */
  readonly startToCloseTimeout?: Duration;
  /** How long all attempts may take. Default '10 minutes'. */
  readonly scheduleToCloseTimeout?: Duration;
  /** Runs the step as a local activity: less delay, no row of its own in the history. Default: when `startToCloseTimeout` is 5 s or less. */
  readonly local?: boolean;
  /** An ordinary step whose worker is silent for so long is given to another one. Default '20s'. */
  readonly heartbeatTimeout?: Duration;
  readonly retry?: RetryPolicy;
  /** How many messages of a server stream are taken; with more the step fails. Default 10,000. */
  readonly maxMessages?: number;
  /** What pays a call: the run's channel with the provider, as it is answered. See `JobOptions` for the other way. */
  readonly settle?: 'channel';
}

/** Every call is paid by a job of its own: its money is set aside on chain, and paid when the answer was accepted. */
export interface JobOptions<D extends ServiceDefinition> extends Omit<ServiceOptions<D>, 'settle' | 'local'> {
  readonly settle: 'job';
  /** Who accepts or rejects an answer: this workflow, or the person or contract behind an address. */
  readonly evaluator: 'workflow' | `0x${string}`;
  /** By method: the workflow's own check of a response. What fails is rejected: nothing is paid, the step fails with JOB_REJECTED. */
  readonly accept?: { readonly [K in UnaryKey<D>]?: (response: ResponseOf<D['methods'][K]>) => boolean };
  /** How long after its funding an answer may be handed in. Default '1 day'. */
  readonly span?: Duration;
  /** How long the evaluator has from then on; silence is acceptance. Default '1 day', '7 days' for an address. */
  readonly review?: Duration;
}

/** Methods that a job can pay for: with one response. */
type UnaryKey<D extends ServiceDefinition> = {
  [K in MethodKey<D>]: D['methods'][K]['responseStream'] extends true ? never : K;
}[MethodKey<D>];

export interface WithReceipt<T> {
  readonly response: T;
  /** Null for a free call. */
  readonly receipt: StepReceipt | null;
}

/** A step that gets one response. */
export interface UnaryStep<Request, Response> {
  (request: Request): Promise<Response>;
  withReceipt(request: Request): Promise<WithReceipt<Response>>;
}

/** A step that gets a server stream, as a whole or folded into one value. */
export interface StreamStep<Request, Response> {
  (request: Request): Promise<Response[]>;
  withReceipt(request: Request): Promise<WithReceipt<Response[]>>;
  reduce<T>(request: Request, fold: (before: T, message: Response) => T, start: T): Promise<T>;
}

/** A step that a job pays. Called as any other it gives the response once that was accepted. */
export interface JobStep<Request, Response> extends UnaryStep<Request, Response> {
  /** Gives the response before anybody has decided about it. */
  job(request: Request): Promise<JobHandle<Response>>;
}

/** An answered call whose job is open. Whoever lets it lie has accepted, once the time for the review is over. */
export interface JobHandle<Response> {
  readonly response: Response;
  readonly receipt: StepReceipt | null;
  /** "0x…", as on chain; null for a free call. */
  readonly jobId: string | null;
  /** Pays what the receipt says. For the workflow as evaluator, as `reject`. */
  approve(): Promise<void>;
  /** Takes everything back. */
  reject(): Promise<void>;
  /** Waits for whoever evaluates it; fails with JOB_REJECTED or JOB_EXPIRED if nothing is paid. */
  settled(): Promise<void>;
}

type StepOf<M extends MethodDefinition> = M['responseStream'] extends true
  ? StreamStep<RequestOf<M>, ResponseOf<M>>
  : UnaryStep<RequestOf<M>, ResponseOf<M>>;

export type Stub<D extends ServiceDefinition> = { readonly [K in MethodKey<D>]: StepOf<D['methods'][K]> };

export type JobStub<D extends ServiceDefinition> = {
  readonly [K in UnaryKey<D>]: JobStep<RequestOf<D['methods'][K]>, ResponseOf<D['methods'][K]>>;
};

/** Any stub, for lists of them. */
export type AnyStub = object;

const declared = new Map<AnyStub, readonly Requirement[]>();

/**
 * A paid service as a typed stub, to be declared at the top of a file of workflows as `proxyActivities` is. Every call
 * is one activity: the worker pays, checks the receipt and gives the response. Errors are Temporal failures whose
 * `type` is a reason of WeftError; see `reasonOf`.
 */
export function service<const D extends ServiceDefinition>(definition: D, options: JobOptions<D>): JobStub<D>;
export function service<const D extends ServiceDefinition>(definition: D, options: ServiceOptions<D>): Stub<D>;
export function service<const D extends ServiceDefinition>(definition: D, options: AnyOptions<D>): object {
  const prefix = options.name ?? shortName(definition.name);
  const contract = options.contract ?? contractDigests[definition.fullName];
  const steps = Object.entries(definition.methods).flatMap(([key, method]) => {
    const maxPrice = valueFor<string>(options.maxPrice, key);
    const calls = valueFor<number>(options.calls ?? 1, key);
    const job = jobOf(options);
    const isPayable = !method.requestStream && !(job !== undefined && method.responseStream);
    if (!isPayable || maxPrice === undefined || calls === undefined) return [];
    const { prefer = 'cheapest', listing, asset } = options;
    const requirement: Requirement = {
      step: `${prefix}.${key}`,
      service: definition.fullName,
      ...(contract === undefined ? {} : { contract }),
      method: `${definition.fullName}/${method.name}`,
      calls,
      maxPrice,
      choice: { prefer, ...(listing === undefined ? {} : { listing }), ...(asset === undefined ? {} : { asset }) },
      ...(job === undefined ? {} : { job }),
    };
    const call =
      options.settle === 'job' ? jobStepOf(key, method, requirement, options) : stepOf(method, requirement, options);
    return [{ key, requirement, call }];
  });
  const stub = Object.fromEntries(steps.map(({ key, call }) => [key, call]));
  declared.set(
    stub,
    steps.map(({ requirement }) => requirement),
  );
  return stub;
}

/** What the given stubs, or all that are declared, want to call. */
export function declaredRequirements(stubs?: readonly AnyStub[]): Requirement[] {
  const all = [...declared.values()].flat();
  const twice = all.find(({ step }, i) => all.findIndex((each) => each.step === step) !== i);
  if (twice !== undefined)
    throw refusal('INVALID_INPUT', `two stubs have a step ${twice.step}: give one of them another \`name\``, {
      field: 'name',
      step: twice.step,
    });
  if (stubs === undefined) return all;
  return stubs.flatMap((stub) => {
    const requirements = declared.get(stub);
    if (requirements === undefined) throw refusal('INVALID_INPUT', 'services must be stubs made with service()');
    return requirements;
  });
}

/**
 * Pins listings and prices of a run before its first step, and funds channels for them in one transaction. Without it
 * the first step does the same for all stubs declared in the file. Fails with QUOTE_ABOVE_LIMIT, before anything is
 * paid, if it comes to more than `maxTotal` (minor units) or what the run's starter allows.
 */
export async function quote(options: { services?: readonly AnyStub[]; maxTotal?: string } = {}): Promise<RunQuote> {
  return currentRun().quote(declaredRequirements(options.services), options.maxTotal);
}

type AnyOptions<D extends ServiceDefinition> = ServiceOptions<D> | JobOptions<D>;

interface Exchanged {
  readonly messages: unknown[];
  readonly receipt: StepReceipt | null;
}

type Exchange = (request: object) => Promise<Exchanged>;

function stepOf<D extends ServiceDefinition>(method: MethodDefinition, want: Requirement, options: ServiceOptions<D>) {
  const exchange = exchangeOf(method, want, options);
  const unary = async (request: object) => (await exchange(request)).messages[0];
  const all = async (request: object) => (await exchange(request)).messages;
  if (!method.responseStream)
    return Object.assign(unary, {
      withReceipt: async (request: object) => {
        const { messages, receipt } = await exchange(request);
        return { response: messages[0], receipt };
      },
    });
  return Object.assign(all, {
    withReceipt: async (request: object) => {
      const { messages, receipt } = await exchange(request);
      return { response: messages, receipt };
    },
    reduce: async <T>(request: object, fold: (before: T, message: unknown) => T, start: T) =>
      (await all(request)).reduce<T>(fold, start),
  });
}

const exchangeOf = <D extends ServiceDefinition>(
  method: MethodDefinition,
  want: Requirement,
  options: ServiceOptions<D>,
): Exchange => {
  const send = senderOf(method, want, options);
  return async (request) => {
    const step = currentRun().begin(want.step, want.method);
    try {
      const { messages, result } = await send(step, request);
      step.done(result);
      return { messages, receipt: step.entry.receipt };
    } catch (error) {
      step.failed(error);
      throw error;
    }
  };
};

/** Makes the call that a step has begun. */
function senderOf<D extends ServiceDefinition>(method: MethodDefinition, want: Requirement, options: AnyOptions<D>) {
  const { call } = activitiesFor(want, options);
  const streamed = method.responseStream ? { maxMessages: options.maxMessages ?? 10_000 } : {};
  return async (step: Step, request: object) => {
    const run = currentRun();
    const bytes = encode(method, request, want);
    const { quoteId, pins } = await run.quote(declaredRequirements());
    const pin = pins.find((each) => each.step === want.step);
    if (pin === undefined)
      throw refusal('QUOTE_UNKNOWN', `${want.step} is not in the run's quote: name its stub in quote({ services })`);
    const { n } = step.entry;
    if (n >= pin.calls)
      throw refusal('QUOTE_EXHAUSTED', `${want.step} was quoted for ${pin.calls} calls: raise \`calls\` of its stub`);
    step.pinned(pin);
    const result = StepResult.decode(await call({ runKey: run.key, quoteId, step: want.step, n, ...streamed }, bytes));
    return { result, messages: result.responses.map((response) => decode(method, response, want)) };
  };
}

const DAY_MS = 86_400_000;

function jobOf<D extends ServiceDefinition>(options: AnyOptions<D>): JobRequirement | undefined {
  if (options.settle !== 'job') return undefined;
  const { evaluator, span, review } = options;
  const seconds = (duration: Duration | undefined, defaultMs: number) =>
    Math.ceil((duration === undefined ? defaultMs : msToNumber(duration)) / 1_000);
  return {
    evaluator,
    spanSec: seconds(span, DAY_MS),
    reviewSec: seconds(review, evaluator === 'workflow' ? DAY_MS : 7 * DAY_MS),
  };
}

function jobStepOf<D extends ServiceDefinition>(
  key: string,
  method: MethodDefinition,
  want: Requirement,
  options: JobOptions<D>,
) {
  const { evaluator } = options;
  const accept = (
    options.accept as { readonly [key: string]: ((response: unknown) => boolean) | undefined } | undefined
  )?.[key];
  const send = senderOf(method, want, options);
  const { endJob } = jobActivitiesFor(want);

  const open = async (request: object): Promise<JobHandle<unknown>> => {
    const run = currentRun();
    const step = run.begin(want.step, want.method);
    const end = async (verdict: JobEnd['verdict']): Promise<JobOutcome> => {
      const { quoteId } = await run.quote(declaredRequirements());
      return endJob({ runKey: run.key, quoteId, step: want.step, n: step.entry.n, verdict });
    };
    /** A step that fails must leave nothing set aside; what cannot be had back now comes back when the job expires. */
    const giveUp = async (error: unknown): Promise<never> => {
      step.failed(error);
      if (evaluator === 'workflow' && step.entry.listing !== '')
        await CancellationScope.nonCancellable(() => end('reject')).catch((failure: unknown) =>
          log.warn('the job of a failed step could not be rejected', { step: want.step, reason: reasonOf(failure) }),
        );
      throw error;
    };
    const { messages, result } = await send(step, request).catch(giveUp);
    step.answered(result);
    const { receipt } = step.entry;
    if (result.receipt === undefined) step.paid('0');
    const ending = async (verdict: JobEnd['verdict']): Promise<void> => {
      if (result.receipt === undefined) return;
      const { state, paid } = await end(verdict).catch(giveUp);
      if (verdict === 'reject' || (verdict === 'accept' && state !== 'REJECTED') || state === 'COMPLETED')
        return step.paid(paid);
      const error = refusal(
        state === 'EXPIRED' ? 'JOB_EXPIRED' : 'JOB_REJECTED',
        `the job of ${want.step} was ${state === 'EXPIRED' ? 'never handed in' : 'rejected'}; nothing is paid for it`,
        { step: want.step },
      );
      step.failed(error);
      throw error;
    };
    return {
      response: messages[0],
      receipt,
      jobId: result.receipt === undefined ? null : toHex(result.receipt.account),
      approve: () => ending('accept'),
      reject: () => ending('reject'),
      settled: () => ending('wait'),
    };
  };

  const accepted = async (request: object): Promise<WithReceipt<unknown>> => {
    const handle = await open(request);
    const { response, receipt } = handle;
    if (evaluator !== 'workflow') await handle.settled();
    else if (accept === undefined || accept(response)) await handle.approve();
    else {
      await handle.reject();
      throw refusal('JOB_REJECTED', `the answer of ${want.step} did not pass its check; nothing is paid for it`, {
        step: want.step,
      });
    }
    return { response, receipt };
  };
  return Object.assign(async (request: object) => (await accepted(request)).response, {
    withReceipt: accepted,
    job: open,
  });
}

/** Waits as long as a job lives; a worker that dies meanwhile is noticed by its heartbeats. */
const jobActivitiesFor = ({ step, job }: Requirement) =>
  proxyActivities<RunActivities>({
    startToCloseTimeout: ((job?.spanSec ?? 0) + (job?.reviewSec ?? 0)) * 1_000 + DAY_MS,
    heartbeatTimeout: '20s',
    retry: { initialInterval: '500ms', maximumInterval: '20s' },
    summary: `${step} job`,
  });

function activitiesFor<D extends ServiceDefinition>(want: Requirement, options: AnyOptions<D>) {
  const startToCloseTimeout = options.startToCloseTimeout ?? STEP_TIMEOUT;
  const timeouts = { startToCloseTimeout, scheduleToCloseTimeout: options.scheduleToCloseTimeout ?? '10 minutes' };
  const retry = options.retry ?? { initialInterval: '200ms', maximumInterval: '10s' };
  // Funding a job waits for a transaction.
  const isLocal = options.settle !== 'job' && (options.local ?? msToNumber(startToCloseTimeout) <= LOCAL_UP_TO_MS);
  if (isLocal) return proxyLocalActivities<RunActivities>({ ...timeouts, retry });
  const heartbeatTimeout = options.heartbeatTimeout ?? '20s';
  return proxyActivities<RunActivities>({ ...timeouts, retry, heartbeatTimeout, summary: want.step });
}

function encode(method: MethodDefinition, request: object, { step }: Requirement): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = encodeRequest(method, request);
  } catch (error) {
    throw refusal('INVALID_INPUT', `the request of ${step} does not fit its message: ${messageOf(error)}`, { step });
  }
  if (bytes.length > MAX_REQUEST_BYTES)
    throw refusal('MESSAGE_TOO_LARGE', `the request of ${step} has ${bytes.length} bytes of ${MAX_REQUEST_BYTES}`, {
      step,
      maxBytes: String(MAX_REQUEST_BYTES),
    });
  return bytes;
}

function decode(method: MethodDefinition, response: Uint8Array, { step }: Requirement): unknown {
  try {
    return method.responseType.decode(response);
  } catch (error) {
    throw refusal('SERVICE_FAILED', `the response of ${step} is not the contract's message: ${messageOf(error)}`, {
      step,
    });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function valueFor<T extends string | number>(values: T | { readonly [key: string]: T | undefined }, key: string) {
  return typeof values === 'object' ? (values as { readonly [key: string]: T | undefined })[key] : values;
}

function shortName(service: string): string {
  const short = service.replace(/Service$/, '') || service;
  return short.charAt(0).toLowerCase() + short.slice(1);
}
