import type { Duration } from '@temporalio/common';
import { msToNumber } from '@temporalio/common/lib/time.js';
import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { Requirement } from '#core/requirement.js';
import { encodeRequest, type MethodDefinition, type ServiceDefinition } from '#core/service-definition.js';
import { StepResult } from '#protos/weft/run/v1/step.js';
import type { RunActivities } from './activities.js';
import { refusal } from './failure.js';
import { declaredRequirements } from './requirements.js';
import { currentRun } from './run.js';
import type { Step } from './steps.js';
import type { AnyOptions } from './stub.js';

/** Requests above this are refused before they reach Temporal, which would retry them for ever. */
const MAX_REQUEST_BYTES = 16 * 1024 * 1024;
/** Steps that may take longer are ordinary activities. */
const LOCAL_UP_TO_MS = 5_000;
const STEP_TIMEOUT: Duration = '60s';

/** Makes the call that a step has begun. */
export function senderOf<D extends ServiceDefinition>(
  method: MethodDefinition,
  want: Requirement,
  options: AnyOptions<D>,
) {
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
