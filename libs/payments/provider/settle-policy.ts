/** When what was earned is worth a claim: any one of these is enough. */
export interface SettlePolicy {
  /** Minor units earned and not claimed. */
  readonly amount: bigint;
  /** Since the oldest unclaimed earning. */
  readonly ageSec: number;
  /** Before the release, after which nothing can be claimed any more. */
  readonly beforeReleaseSec: number;
}

export const defaultPolicy: SettlePolicy = { amount: 10_000_000n, ageSec: 3_600, beforeReleaseSec: 86_400 };

/** What waits to be claimed of a channel or a pass. */
interface Unclaimed {
  readonly amount: bigint;
  readonly sinceSec: number | undefined;
  /** Undefined if it can be claimed for ever. */
  readonly releaseSec: number | undefined;
}

export function isDue(
  unclaimed: Unclaimed,
  { amount, ageSec, beforeReleaseSec }: SettlePolicy,
  nowSec: number,
): boolean {
  const { sinceSec = nowSec, releaseSec = Number.POSITIVE_INFINITY } = unclaimed;
  return unclaimed.amount >= amount || nowSec - sinceSec >= ageSec || nowSec >= releaseSec - beforeReleaseSec;
}
