import type { Requirement } from '#core/requirement.js';

/** What workflow code asks of the worker. Plain JSON and bytes, since it is kept in the history. */
export interface RunActivities {
  /** Finds, verifies and pins the listings of a run, and makes sure that channels hold what they may cost. */
  openQuote(request: RunQuoteRequest): Promise<RunQuote>;
  /** Makes one paid call; gives a `weft.run.v1.StepResult`. */
  call(step: StepCall, request: Uint8Array): Promise<Uint8Array>;
  /** Waits for what a job's verdict needs, gives it, and tells how the job ended. */
  endJob(end: JobEnd): Promise<JobOutcome>;
  /** Frees what the run has not spent. */
  closeQuote(quoteId: string): Promise<void>;
}

export interface RunQuoteRequest {
  readonly runKey: string;
  readonly requirements: readonly Requirement[];
  /** The most that the whole run may cost; none means the sum over the requirements. */
  readonly maxTotal?: string;
  /** Ids of the payer's licences, "0x…", that admit the calls of what they are for. */
  readonly licences?: readonly string[];
}

/** What a run may spend, and where. */
export interface RunQuote {
  /** "0x…" */
  readonly quoteId: string;
  /** The most that the run can cost, in minor units. */
  readonly total: string;
  readonly pins: readonly RunPin[];
  /** Hash of the transaction that funded channels for it, if one was needed. */
  readonly transaction?: string;
}

export interface RunPin {
  readonly step: string;
  /** Listing digest, "0x…". */
  readonly listing: string;
  readonly asset: string;
  readonly method: string;
  readonly calls: number;
  readonly maxPerCall: string;
  /** Id of the licence that admits the calls, "0x…"; they cost nothing then. */
  readonly licence?: string;
}

/** The job of one call of a step. */
export interface JobEnd {
  readonly runKey: string;
  readonly quoteId: string;
  readonly step: string;
  readonly n: number;
  /** 'wait': somebody else evaluates it. */
  readonly verdict: 'accept' | 'reject' | 'wait';
}

export interface JobOutcome {
  readonly state: 'COMPLETED' | 'REJECTED' | 'EXPIRED';
  /** What went to the provider, in minor units. */
  readonly paid: string;
}

export interface StepCall {
  readonly runKey: string;
  readonly quoteId: string;
  readonly step: string;
  /** Counts the calls of this step in this run, from 0. */
  readonly n: number;
  /** For a server stream: how many messages are taken at most. Undefined for a unary method. */
  readonly maxMessages?: number;
}
