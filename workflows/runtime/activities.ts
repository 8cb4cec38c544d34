/** What workflow code asks of the worker. Plain JSON and bytes, since it is kept in the history. */
export interface RunActivities {
  /** Finds, verifies and pins the listings of a run, and makes sure that channels hold what they may cost. */
  openQuote(request: RunQuoteRequest): Promise<RunQuote>;
  /** Makes one paid call; gives a `weft.run.v1.StepResult`. */
  call(step: StepCall, request: Uint8Array): Promise<Uint8Array>;
  /** Frees what the run has not spent. */
  closeQuote(quoteId: string): Promise<void>;
}

/** A method that a run wants to call, before anybody has offered it. */
export interface Requirement {
  /** Unique within the run. */
  readonly step: string;
  /** Full name of the contract's service. */
  readonly service: string;
  /** "package.Service/Method" */
  readonly method: string;
  /** How often the run may call it. */
  readonly calls: number;
  /** The most that one call may cost, in minor units. */
  readonly maxPrice: string;
  readonly choice: Choice;
}

/** Which of several verified listings is taken. */
export interface Choice {
  readonly prefer: 'cheapest' | 'fastest';
  /** Only this one: a listing digest, "0x…". */
  readonly listing?: string;
  /** Only this asset's listing in force: its id in decimal. */
  readonly asset?: string;
}

export interface RunQuoteRequest {
  readonly runKey: string;
  readonly requirements: readonly Requirement[];
  /** The most that the whole run may cost; none means the sum over the requirements. */
  readonly maxTotal?: string;
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
