import type { Info } from '@temporalio/activity';
import { msToNumber } from '@temporalio/common/lib/time.js';

/**
 * How long this and further attempts of a local activity may go on, in ms, by its `scheduleToCloseTimeout`, which the SDK (1.24) forgets
 * between attempts: they would be made for ever. An ordinary activity's is kept by the server, by its own clock.
 */
export function timeLeftMs(info: Info): number {
  const { isLocal, scheduleToCloseTimeoutMs, scheduledTimestampMs } = info;
  if (!isLocal || scheduleToCloseTimeoutMs === 0) return Number.POSITIVE_INFINITY;
  // Pauses that are so long that the workflow waits for them start the time stamp anew.
  const gone = Math.max(Date.now() - scheduledTimestampMs, pausesBefore(info));
  return scheduleToCloseTimeoutMs - gone;
}

/** Whether another attempt would begin before the time is up. */
export const mayTryAgain = (info: Info): boolean => pauseAfter(info, info.attempt) < timeLeftMs(info);

function pauseAfter({ retryPolicy }: Info, attempt: number): number {
  const { initialInterval = '1s', backoffCoefficient = 2, maximumInterval } = retryPolicy ?? {};
  const first = msToNumber(initialInterval);
  const most = maximumInterval === undefined ? 100 * first : msToNumber(maximumInterval);
  return Math.min(first * backoffCoefficient ** (attempt - 1), most);
}

function pausesBefore(info: Info): number {
  let sum = 0;
  for (let attempt = 1; attempt < info.attempt; attempt++) sum += pauseAfter(info, attempt);
  return sum;
}
