import { defineQuery } from '@temporalio/workflow';
import type { RunQuote } from './activities.js';

/** How far a run is. Amounts are decimal strings of minor units. */
export interface Progress {
  /** Undefined until the first step, or the call of `quote`, has fixed it. */
  readonly quote?: RunQuote;
  /** Sum of the receipts so far, of earlier steps as well. */
  readonly paid: string;
  /** Steps that are not among `steps`: those before the run continued as new, and, of more than 1,000, the oldest. */
  readonly earlier?: EarlierSteps;
  /** In the order in which they were started. */
  readonly steps: readonly StepProgress[];
}

export interface EarlierSteps {
  /** How many. */
  readonly steps: number;
  readonly paid: string;
}

export interface StepProgress {
  readonly step: string;
  /** Counts the calls of this step, from 0, and anew when a run continues as new. */
  readonly n: number;
  /** How often the run had continued as new before; absent at first. */
  readonly segment?: number;
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
