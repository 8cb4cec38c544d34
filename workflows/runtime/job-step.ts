import type { Duration } from '@temporalio/common';
import { msToNumber } from '@temporalio/common/lib/time.js';
import { CancellationScope, log, proxyActivities } from '@temporalio/workflow';
import { toHex } from '#core/hex.js';
import type { JobRequirement, Requirement } from '#core/requirement.js';
import type { MethodDefinition, ServiceDefinition } from '#core/service-definition.js';
import type { JobEnd, JobOutcome, RunActivities } from './activities.js';
import { reasonOf, refusal } from './failure.js';
import { declaredRequirements } from './requirements.js';
import { currentRun } from './run.js';
import { senderOf } from './send-step.js';
import type { AnyOptions, JobHandle, JobOptions, WithReceipt } from './stub.js';

const DAY_MS = 86_400_000;

/** What a stub's jobs are like; undefined if it has none. */
export function jobOf<D extends ServiceDefinition>(options: AnyOptions<D>): JobRequirement | undefined {
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

/** A step of which every call is paid by a job of its own. */
export function jobStepOf<D extends ServiceDefinition>(
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
