import { status } from '@grpc/grpc-js';
import {
  isGrpcServiceError,
  QueryNotRegisteredError,
  QueryRejectedError,
  ServiceError,
  WorkflowFailedError,
} from '@temporalio/client';
import {
  ApplicationFailure,
  CancelledFailure,
  TerminatedFailure,
  TimeoutFailure,
  WorkflowNotFoundError,
} from '@temporalio/common';
import { type ErrorDetails, WeftError } from '#core/errors.js';
import { partDown } from '#core/part-down.js';
import { isReason } from '#core/reasons.js';

/** Why a run failed, out of what Temporal wrapped around it. */
export function runError(thrown: unknown): WeftError {
  const failure = thrown instanceof WorkflowFailedError ? thrown.cause : thrown;
  for (let at: unknown = failure; at instanceof Error; at = at.cause) {
    if (at instanceof ApplicationFailure && typeof at.type === 'string' && isReason(at.type))
      return new WeftError(at.type, at.message, detailsOf(at));
    if (at instanceof CancelledFailure) return new WeftError('CANCELLED', 'the run was cancelled');
    if (at instanceof TerminatedFailure) return new WeftError('CANCELLED', 'the run was ended by force');
    if (at instanceof TimeoutFailure && at.cause === undefined)
      return new WeftError('DEADLINE', 'the run took too long');
  }
  // A fault in the pipeline's own code: its text may hold anything, so it stays in Temporal.
  return new WeftError('SERVICE_FAILED', 'the pipeline failed; Temporal has the details');
}

function detailsOf(failure: ApplicationFailure): ErrorDetails {
  const [details] = (failure.details ?? []) as unknown[];
  if (typeof details !== 'object' || details === null) return {};
  return Object.fromEntries(
    Object.entries(details).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** What Temporal answers when it is asked about a run, in our words. */
export function temporalError(thrown: unknown, address: string): WeftError {
  if (thrown instanceof WeftError) return thrown;
  if (thrown instanceof WorkflowNotFoundError)
    return new WeftError('NOT_FOUND', 'there is no such run', { field: 'id' });
  if (thrown instanceof QueryNotRegisteredError || thrown instanceof QueryRejectedError)
    return new WeftError(
      'NOT_FOUND',
      'this workflow tells nothing of its progress',
      { field: 'id' },
      { cause: thrown },
    );
  const cause = thrown instanceof ServiceError ? thrown.cause : thrown;
  if (isGrpcServiceError(cause) && cause.code === status.UNAVAILABLE)
    return partDown('TEMPORAL_UNAVAILABLE', address, thrown);
  if (isGrpcServiceError(cause))
    return new WeftError(
      'TEMPORAL_UNAVAILABLE',
      `Temporal, or the worker behind it, does not answer (asked at ${address})`,
      { address },
      { cause: thrown },
    );
  return WeftError.from(thrown);
}
