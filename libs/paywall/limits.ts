/** `any`: whoever evaluates them; `others`: not the client himself, who could keep answer and money; `none`. */
export const jobPolicies = ['any', 'others', 'none'] as const;
export type JobPolicy = (typeof jobPolicies)[number];

/** What a paywall allows; every one has a default that suits one service on one machine. */
export interface PaywallLimits {
  /** Calls being served at once, all payers together. */
  readonly maxServing: number;
  /** Of which one channel may hold so many. */
  readonly maxServingPerChannel: number;
  /** No paid call may take longer; it ends uncharged. */
  readonly maxCallSec: number;
  /** A call that might end less than this before its channel's expiry is refused. */
  readonly claimMarginSec: number;
  /**
   * Questions to the chain about channels never seen before: so many a second, and at most a burst of `newChannelBurst`.
   * As many more about known ones that lack deposit.
   */
  readonly newChannelsPerSec: number;
  readonly newChannelBurst: number;
  /** For so long a channel that the chain does not know is not asked for again. */
  readonly unknownChannelMs: number;
  /** A channel that lacks deposit is read again at most this often. */
  readonly rereadChannelMs: number;
  /** For so long what the chain said of a licence is believed: a revoked one admits calls no longer than that. */
  readonly licenceMs: number;
  /** For so long what the chain said of a holder's tokens is believed: who sold them is served no longer than that. */
  readonly gateMs: number;
  /** How often the chain is asked what is in force. */
  readonly standingMs: number;
  /** Channels and payers kept in memory. */
  readonly maxChannels: number;
  readonly maxPayers: number;
  /** A stream's handler is held back while so many bytes wait to be committed and sent. */
  readonly windowBytes: number;
  /** How long a stream waits for a further voucher before it ends. */
  readonly extendWaitMs: number;
  /** When a process that serves a stream dies, nobody can ask for the stream's stored part for so long. */
  readonly streamLeaseMs: number;
  /** Questions of one channel to the Payments service: so many a second, with bursts of four times that. */
  readonly questionsPerSec: number;
  /** Which jobs are served. */
  readonly jobs: JobPolicy;
  /** A client's jobs that are served and not evaluated yet. */
  readonly maxOpenJobs: number;
  /** A client of so many jobs that were answered and not paid, within a month, is served no more of them. */
  readonly maxUnpaidJobs: number;
  /** A signed `Close` can be taken to the chain for so long. */
  readonly closeSec: number;
}

export const defaultLimits: PaywallLimits = {
  maxServing: 512,
  maxServingPerChannel: 128,
  maxCallSec: 300,
  claimMarginSec: 600,
  newChannelsPerSec: 50,
  newChannelBurst: 200,
  unknownChannelMs: 1_000,
  rereadChannelMs: 200,
  licenceMs: 3_000,
  gateMs: 15_000,
  standingMs: 15_000,
  maxChannels: 10_000,
  maxPayers: 500,
  windowBytes: 64 * 1024,
  extendWaitMs: 15_000,
  streamLeaseMs: 15_000,
  questionsPerSec: 50,
  jobs: 'any',
  maxOpenJobs: 64,
  maxUnpaidJobs: 16,
  closeSec: 3_600,
};
