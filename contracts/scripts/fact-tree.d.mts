export interface Fact {
  /** Suite, states, conditions, fact. */
  path: string[];
  /** Rows of docs/SECURITY.md, and how it is tried if not once. */
  notes: string[];
}

/** Tests by file and contract, as `forge test --list --json` has them. */
export type Listing = Record<string, Record<string, string[]>>;

/** One fact per test; a fault is a sentence about a name that is no place in the tree. */
export function readFacts(listing: Listing): { facts: Fact[]; faults: string[] };

/** A tree for each suite, with a line break at the end of each. */
export function drawTrees(facts: Fact[]): string;
