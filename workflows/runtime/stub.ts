import type { Duration } from '@temporalio/common';
import type { RetryPolicy } from '@temporalio/workflow';
import type { Choice } from '#core/requirement.js';
import type { MethodDefinition, RequestOf, ResponseOf, ServiceDefinition } from '#core/service-definition.js';
import type { StepReceipt } from './progress.js';

/** Methods that a step can call: everything but client streams. */
export type MethodKey<D extends ServiceDefinition> = {
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

export type AnyOptions<D extends ServiceDefinition> = ServiceOptions<D> | JobOptions<D>;
