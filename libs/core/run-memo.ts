import { WeftError } from './errors.js';
import { fromHex, toHex } from './hex.js';
import { formatAmount, parseAmount } from './money.js';

/** The memo field in which whoever starts a run states what it may cost at most, and which licences it may use. */
const FIELD = 'weft';
/** As many as a run can sensibly have services. */
export const MAX_RUN_LICENCES = 64;

/** What the starter of a run allows it. */
export interface RunTerms {
  /** In minor units; undefined sets no limit. */
  readonly maxTotal: bigint | undefined;
  /** Ids, "0x…" in lower case. */
  readonly licences: readonly string[];
}

/**
 * For the start of a workflow: `client.workflow.start(intake, { …, memo: runMemo(20_000n) })`. `licences` ("0x…") of the
 * wallet's admit the steps that they are for: these cost nothing, and are never paid instead.
 */
export const runMemo = (maxTotal: bigint, licences: readonly string[] = []): Record<string, unknown> => ({
  [FIELD]: { maxTotal: formatAmount(maxTotal), ...(licences.length === 0 ? {} : { licences }) },
});

/** Throws INVALID_INPUT, naming the field. */
export function readRunMemo(memo: Readonly<Record<string, unknown>> | undefined): RunTerms {
  const field = memo?.[FIELD];
  if (typeof field !== 'object' || field === null) return { maxTotal: undefined, licences: [] };
  return {
    maxTotal: 'maxTotal' in field ? parseAmount(String(field.maxTotal), `memo.${FIELD}.maxTotal`) : undefined,
    licences: 'licences' in field ? licencesIn(field.licences, `memo.${FIELD}.licences`) : [],
  };
}

function licencesIn(value: unknown, field: string): string[] {
  if (!Array.isArray(value) || value.length > MAX_RUN_LICENCES)
    throw new WeftError('INVALID_INPUT', `${field} must be a list of at most ${MAX_RUN_LICENCES} licences`, { field });
  return value.map((id, i) => toHex(fromHex(String(id), `${field}[${i}]`, 32)));
}
