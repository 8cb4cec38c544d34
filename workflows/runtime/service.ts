import type { Requirement } from '#core/requirement.js';
import type { MethodDefinition, ServiceDefinition } from '#core/service-definition.js';
import { contractDigests } from '#protos/contract-digests.js';
import type { RunQuote } from './activities.js';
import { jobOf, jobStepOf } from './job-step.js';
import type { StepReceipt } from './progress.js';
import { declaredRequirements, declareRequirements } from './requirements.js';
import { currentRun } from './run.js';
import { senderOf } from './send-step.js';
import type { AnyOptions, AnyStub, JobOptions, JobStub, ServiceOptions, Stub } from './stub.js';

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
  declareRequirements(
    stub,
    steps.map(({ requirement }) => requirement),
  );
  return stub;
}

/**
 * Pins listings and prices of a run before its first step, and funds channels for them in one transaction. Without it
 * the first step does the same for all stubs declared in the file. Fails with QUOTE_ABOVE_LIMIT, before anything is
 * paid, if it comes to more than `maxTotal` (minor units) or what the run's starter allows.
 */
export async function quote(options: { services?: readonly AnyStub[]; maxTotal?: string } = {}): Promise<RunQuote> {
  return currentRun().quote(declaredRequirements(options.services), options.maxTotal);
}

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

function valueFor<T extends string | number>(values: T | { readonly [key: string]: T | undefined }, key: string) {
  return typeof values === 'object' ? (values as { readonly [key: string]: T | undefined })[key] : values;
}

function shortName(service: string): string {
  const short = service.replace(/Service$/, '') || service;
  return short.charAt(0).toLowerCase() + short.slice(1);
}
