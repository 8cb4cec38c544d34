import { rowWriter } from './table.js';
import { shortHex, shortMethod } from './units.js';

/** What a row shows of a step that has ended. */
export interface StepRow {
  readonly step: string;
  readonly listing: string;
  readonly method: string;
  readonly amount: string;
  /** The one that it was served under. */
  readonly licence?: string;
  readonly latencyMs: number;
  readonly attempts: number;
  readonly receipt: { readonly verified: boolean } | null;
  readonly status?: string;
  readonly reason?: string;
}

const writer = rowWriter([
  { title: 'STEP', width: 23 },
  { title: 'LISTING', width: 11 },
  { title: 'METHOD', width: 32 },
  { title: 'PRICE', width: 8, align: 'right' },
  { title: 'MS', width: 6, align: 'right' },
  { title: 'TRIES', width: 5, align: 'right' },
  { title: 'RECEIPT', width: 8 },
]);

/** The steps of a run as they end, one line each. */
export const stepHeader = writer.header;

export const stepRow = (step: StepRow): string =>
  writer.row([
    step.step,
    shortHex(step.listing),
    shortMethod(step.method),
    step.licence === undefined ? step.amount : 'licence',
    String(Math.round(step.latencyMs)),
    String(step.attempts),
    outcome(step),
  ]);

function outcome({ status, reason, receipt, amount }: StepRow): string {
  if (status === 'failed') return reason ?? 'failed';
  if (receipt === null) return amount === '0' ? 'free' : 'none';
  return receipt.verified ? 'verified' : 'NOT VERIFIED';
}
