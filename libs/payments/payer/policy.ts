/** How a wallet behaves where PROTOCOL leaves it free. Times in their units, money in minor units. */
export interface WalletPolicy {
  /** Calls that may be open on one channel; one until the asset's first receipt. */
  readonly maxInFlight: number;
  /** How long a call waits for one of those to end before TOO_MANY_IN_FLIGHT. */
  readonly inFlightWaitMs: number;
  /** Life of a new or extended channel. */
  readonly channelSpanSec: number;
  /** A channel serves a quote if it lives this much longer: providers take no call shortly before a channel's expiry. */
  readonly expiryMarginSec: number;
  /** A channel is filled for this many quotes like the one that needs it, if the money is there. */
  readonly runsAhead: number;
  /** How long after its last attempt an unclear call of an open quote may be retried before it is given up. */
  readonly doubtSec: number;
  /** The same for a call that was never answered at all. */
  readonly reservedSec: number;
  /** Between two looks for calls to ask providers about. */
  readonly sweepEveryMs: number;
  /** Between two looks whether the chain still has what this wallet sent. */
  readonly resumeEveryMs: number;
  /** For one question to a provider. */
  readonly providerDeadlineMs: number;
  /** How long a change that nobody waits for may wait to be written with others. */
  readonly lingerMs: number;
  /** How long a promise waits for a database that does not answer. */
  readonly databasePatienceMs: number;
}

export const defaultPolicy: WalletPolicy = {
  maxInFlight: 64,
  inFlightWaitMs: 5_000,
  channelSpanSec: 30 * 86_400,
  expiryMarginSec: 86_400,
  runsAhead: 10,
  doubtSec: 300,
  reservedSec: 900,
  sweepEveryMs: 2_000,
  resumeEveryMs: 30_000,
  providerDeadlineMs: 5_000,
  lingerMs: 50,
  databasePatienceMs: 10_000,
};
