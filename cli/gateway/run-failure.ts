import { WeftError } from '#core/errors.js';
import { isReason } from '#core/reasons.js';
import type { RunView } from '#services/gateway/runs/run-views.js';

/** Why a run that has ended did not complete; undefined if it did. */
export function runFailure({ runId, status, error }: RunView): WeftError | undefined {
  if (error === undefined) return undefined;
  const { reason, message, details } = error;
  const known = isReason(reason) ? reason : 'SERVICE_FAILED';
  return new WeftError(known, `run ${runId} ${status}: ${message}`, { ...details, runId });
}
