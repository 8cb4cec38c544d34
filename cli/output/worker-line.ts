import { plainLine } from '#core/plain-text.js';

const MAX_LINE = 1_000;
/** What a reader needs to find the run in Temporal's web page. */
const names = ['workflowType', 'activityType', 'workflowId'] as const;

/** A message of Temporal's worker as one line: what happened, to what, and the deepest reason. */
export function workerLine(message: string, meta: Readonly<Record<string, unknown>> = {}): string {
  const { error } = meta;
  const what = names.flatMap((name) => (typeof meta[name] === 'string' ? [meta[name]] : [])).join(' ');
  return plainLine([message, what, deepestMessage(error)].filter((part) => part !== '').join(': '), MAX_LINE);
}

function deepestMessage(error: unknown): string {
  let at = error;
  while (at instanceof Error && at.cause instanceof Error) at = at.cause;
  return at instanceof Error ? at.message : '';
}
