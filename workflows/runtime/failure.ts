import { ApplicationFailure, TemporalFailure, TimeoutFailure } from '@temporalio/common';
import { toFailure, WeftError } from '#core/errors.js';
import { isReason, type Reason } from '#core/reasons.js';

/**
 * As Temporal carries it: `type` is the reason, and what no retry can change is not retried. `attempt` is the one that failed,
 * `again` whether there is time for another.
 */
export const asFailure = (error: WeftError, attempt: number, again = true): ApplicationFailure => {
  const { message, type, nonRetryable, details } = toFailure(error);
  return ApplicationFailure.create({
    message,
    type,
    nonRetryable: nonRetryable || !again,
    details: [...details, { attempt }],
  });
};

/** For errors found in workflow code, where anything but a Temporal failure would have the task repeated for ever. */
export const refusal = (reason: Reason, message: string, details: Record<string, string> = {}): ApplicationFailure =>
  ApplicationFailure.create({ message, type: reason, nonRetryable: true, details: [details] });

/** How often an activity was tried before it failed so; undefined if no attempt could say. */
export function attemptsOf(error: unknown): number | undefined {
  for (let at: unknown = error; at instanceof TemporalFailure; at = at.cause) {
    const [, last] = at instanceof ApplicationFailure ? ((at.details ?? []) as [unknown, { attempt?: unknown }?]) : [];
    if (typeof last?.attempt === 'number') return last.attempt;
  }
  return undefined;
}

/** Why a step failed, for deciding in workflow code: `if (reasonOf(error) === 'BAD_IMAGE') …`. Undefined for other errors. */
export function reasonOf(error: unknown): Reason | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof ApplicationFailure && typeof at.type === 'string' && isReason(at.type)) return at.type;
    if (at instanceof WeftError) return at.reason;
    if (at instanceof TimeoutFailure && at.cause === undefined) return 'DEADLINE';
    if (!(at instanceof TemporalFailure)) return undefined;
  }
  return undefined;
}
