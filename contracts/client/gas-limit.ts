/**
 * Two votes counts, each in a slot of its own instead of over the old one: 22,266 gas each, measured. OpenZeppelin's
 * `Checkpoints` writes over a count of the same second and adds one in a later second.
 */
const LATER_SECOND = 50_000n;

/**
 * What a transaction may use, from what a node says that it uses now. A node runs it at the newest block's time; when it is
 * mined a second later, votes may take twice as much. A quarter more is for all else that moves until then. Gas that is
 * not used is not paid.
 */
export const gasLimitFor = (estimate: bigint): bigint => (estimate * 5n) / 4n + LATER_SECOND;
