import { defineQuery } from '@temporalio/workflow';
import type { RunQuote } from './activities.js';

/** How far a run is. Amounts are decimal strings of minor units. */
export interface Progress {
  /** Undefined until the first step, or the call of `quote`, has fixed it. */
  readonly quote?: RunQuote;
  /** Sum of the receipts so far. */
  readonly paid: string;
  /** In the order in which they were started. */
  readonly steps: readonly StepProgress[];
}

export interface StepProgress {
  readonly step: string;
  /** Counts the calls of this step, from 0. */
  readonly n: number;
  readonly status: 'running' | 'done' | 'failed';
  /** Listing digest, "0x…"; empty until the quote has pinned one. */
  readonly listing: string;
  /** "package.Service/Method" */
  readonly method: string;
  /** What was charged; "0" until the receipt is there, and with a licence. */
  readonly amount: string;
  /** Id of the licence that admits the call, "0x…"; absent when it is paid, or free for everybody. */
  readonly licence?: string;
  readonly latencyMs: number;
  readonly attempts: number;
  /** Null for a free call and until the step is done. `verified` by the worker, against voucher, operator and response. */
  readonly receipt: StepReceipt | null;
  /** Why it failed: a reason of WeftError where one is known. */
  readonly reason?: string;
}

export interface StepReceipt {
  readonly callId: string;
  readonly signer: string;
  readonly verified: boolean;
}

/** Every run answers it, while it runs and afterwards. */
export const progressQuery = defineQuery<Progress>('progress');
