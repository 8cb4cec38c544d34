/** A method that somebody wants to call, before it is known whose. */
export interface Requirement {
  /** Names it; unique within its quote. */
  readonly step: string;
  /** Full name of the contract's service. */
  readonly service: string;
  /** Digest of the contract that the caller was compiled against, "0x…". */
  readonly contract?: string;
  /** "package.Service/Method" */
  readonly method: string;
  /** How often it may be called. */
  readonly calls: number;
  /** The most that one call may cost, in minor units. */
  readonly maxPrice: string;
  readonly choice: Choice;
  /** Each call is settled by a job of its own instead of a channel. */
  readonly job?: JobRequirement;
}

export interface JobRequirement {
  /** Who decides: the workflow, through the payer's wallet, or an address "0x…". */
  readonly evaluator: string;
  /** How long after its funding an answer may be handed in. */
  readonly spanSec: number;
  /** How long the evaluator has from then on; silence is acceptance. */
  readonly reviewSec: number;
}

/** Which of several verified listings is taken. */
export interface Choice {
  readonly prefer: 'cheapest' | 'fastest';
  /** Only this one: a listing digest, "0x…". */
  readonly listing?: string;
  /** Only this asset's listing in force: its id in decimal. */
  readonly asset?: string;
}
