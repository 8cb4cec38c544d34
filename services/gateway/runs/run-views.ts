import { z } from 'zod';
import { MAX_RUN_LICENCES } from '#core/run-memo.js';

/** Amounts on the wire: decimal strings of minor units. */
export const amount = z.string().regex(/^(0|[1-9][0-9]{0,28})$/, 'must be minor units, a whole decimal number');

/** Ids of licences that the payer's wallet holds. */
export const licences = z
  .array(z.string().regex(/^0x[0-9a-fA-F]{64}$/, "must be a licence's id: 0x and 64 hexadecimal digits"))
  .max(MAX_RUN_LICENCES);

export const stepView = z.object({
  step: z.string(),
  /** Counts the calls of this step, from 0, and anew when a run continues as new. */
  n: z.number().int(),
  /** How often the run had continued as new before; absent at first. */
  segment: z.number().int().optional(),
  status: z.enum(['running', 'done', 'failed']),
  /** Digest, "0x…"; empty until the quote has pinned one. */
  listing: z.string(),
  method: z.string(),
  amount,
  /** Id of the licence that admits the call; absent when it is paid, or free for everybody. */
  licence: z.string().optional(),
  latencyMs: z.number(),
  attempts: z.number().int(),
  /** Null for a free call and until the step is done. */
  receipt: z.object({ callId: z.string(), signer: z.string(), verified: z.boolean() }).nullable(),
  /** Why it failed. */
  reason: z.string().optional(),
});
export type StepView = z.infer<typeof stepView>;

export const runStatuses = ['running', 'completed', 'failed', 'cancelled', 'terminated', 'timed-out'] as const;
export type RunStatus = (typeof runStatuses)[number];

export const runSummary = z.object({
  runId: z.string(),
  pipeline: z.string(),
  /** Name of the key that started it. */
  owner: z.string(),
  status: z.enum(runStatuses),
  startedAtSec: z.number().int(),
  endedAtSec: z.number().int().optional(),
});
export type RunSummary = z.infer<typeof runSummary>;

export const runView = runSummary.extend({
  /** The most that the run may spend, as pinned at its start; absent until then. */
  quote: amount.optional(),
  /** By all steps, earlier ones as well. */
  paid: amount,
  /** Steps that are not among `steps`: those before the run continued as new, and, of more than 1,000, the oldest. */
  earlier: z.object({ steps: z.number().int(), paid: amount }).optional(),
  steps: z.array(stepView),
  /** Of a run that completed. Bytes are base64. */
  output: z.unknown().optional(),
  /** Of one that did not. */
  error: z.object({ reason: z.string(), message: z.string(), details: z.record(z.string(), z.string()) }).optional(),
});
export type RunView = z.infer<typeof runView>;

/** Ids are given by the gateway: the owner's name, a dot, random letters. */
export const runId = z.string().regex(/^[a-z0-9][a-z0-9.-]{0,99}$/, 'is not a run id');

export const startRun = z.strictObject({
  pipeline: z.string().min(1).max(100),
  /** Its fields are those of the pipeline; bytes are base64. */
  input: z.record(z.string().max(100), z.unknown()),
  /** The run fails before its first payment if it could cost more. */
  maxTotal: amount,
  /** Steps that one of them is for cost nothing, and are never paid instead. */
  licences: licences.optional(),
});
export type StartRun = z.infer<typeof startRun>;

export const listRuns = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** Only runs that started before this unix second. */
  beforeSec: z.coerce.number().int().min(0).max(9_999_999_999).optional(),
});
export type ListRuns = z.infer<typeof listRuns>;
