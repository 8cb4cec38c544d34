import { formatAmount, parseAmount } from './money.js';

/** The memo field in which whoever starts a run states what it may cost at most. */
const FIELD = 'weft';

/** For the start of a workflow: `client.workflow.start(intake, { …, memo: runMemo(20_000n) })`. */
export const runMemo = (maxTotal: bigint): Record<string, unknown> => ({
  [FIELD]: { maxTotal: formatAmount(maxTotal) },
});

/** The limit in a run's memo, in minor units; undefined if its starter set none. */
export function readRunLimit(memo: Readonly<Record<string, unknown>> | undefined): bigint | undefined {
  const field = memo?.[FIELD];
  if (typeof field !== 'object' || field === null || !('maxTotal' in field)) return undefined;
  return parseAmount(String(field.maxTotal), `memo.${FIELD}.maxTotal`);
}
