import { WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import { type ErrorDetails, WeftError } from '#core/errors.js';
import { isReason } from '#core/reasons.js';

/** Why a run ended badly, as what `handle.result()` rejects with tells it. */
export function fromRunFailure(error: unknown): WeftError {
  if (error instanceof WeftError) return error;
  if (error instanceof WorkflowNotFoundError)
    return new WeftError('NOT_FOUND', `there is no run ${error.workflowId}`, { runId: error.workflowId });
  if (!(error instanceof WorkflowFailedError)) return WeftError.from(error);
  for (let at: unknown = error.cause; at instanceof Error; at = at.cause) {
    if (at instanceof CancelledFailure) return new WeftError('CANCELLED', 'the run was cancelled');
    if (at instanceof TerminatedFailure) return new WeftError('CANCELLED', `the run was terminated: ${at.message}`);
    if (at instanceof TimeoutFailure && !(at.cause instanceof Error))
      return new WeftError('DEADLINE', `the run, or a step of it, took too long: ${at.message}`);
    if (!(at instanceof ApplicationFailure)) continue;
    if (typeof at.type === 'string' && isReason(at.type)) return new WeftError(at.type, at.message, detailsOf(at));
    return new WeftError('SERVICE_FAILED', at.message);
  }
  return new WeftError('SERVICE_FAILED', error.message);
}

/** What `asFailure` put there; a workflow's own failures may carry anything. */
function detailsOf({ details }: ApplicationFailure): ErrorDetails {
  const first: unknown = details?.[0];
  if (typeof first !== 'object' || first === null) return {};
  return Object.fromEntries(Object.entries(first).map(([key, value]) => [key, String(value)]));
}
