import { getCreateAddress } from 'ethers';
import type { Hex } from '#core/hex.js';
import type { ContractName } from './artifact.js';
import { lower } from './chain.js';
import type { Deployment } from './deployment.js';

/** What a transaction of the deployer makes. */
export type Made = 'token' | 'assets' | 'votes' | 'anchor' | 'escrow' | 'market' | 'governance' | 'licences' | 'jobs';

/**
 * Where everything will stand, known before anything is sent: an address follows from its deployer and nonce. A nonce
 * is used once, so that whoever sends by this plan, however often, can never make a second one of a contract.
 */
export interface DeploymentPlan {
  readonly chainId: bigint;
  /** Hash of block 0: one local chain has the id of another. */
  readonly genesis: string;
  readonly deployer: Hex;
  readonly windowSec: number;
  /** The currency, if it was there before. */
  readonly token?: Hex;
  /** Block from which on there are events. */
  readonly blockNumber: number;
  readonly nonces: Readonly<Partial<Record<Made, number>>>;
}

export interface PlannedContract {
  readonly made: Made;
  readonly contract: ContractName;
  readonly args: readonly unknown[];
  readonly nonce: number;
  readonly address: Hex;
}

/** Of the protocol: `threshold` are the votes, of 10^24, that a proposer needs; `quorumPercent` of all must take part. */
const GOVERNANCE = { delaySec: 86_400, periodSec: 3 * 86_400, threshold: 10n ** 22n, quorumPercent: 4 };

interface Step {
  readonly made: Made;
  readonly contract: ContractName;
  readonly args: (at: Addresses, windowSec: number) => readonly unknown[];
}

type Addresses = Omit<Deployment, 'chainId' | 'blockNumber'> & { readonly governance: Hex };

/** In the order of their nonces. Constructors ask only contracts of an earlier wave. */
const waves: readonly (readonly Step[])[] = [
  [
    { made: 'token', contract: 'TestToken', args: () => [] },
    { made: 'assets', contract: 'Assets', args: () => [] },
    { made: 'votes', contract: 'VotesToken', args: () => [] },
    { made: 'anchor', contract: 'Anchor', args: (at) => [at.assets] },
    { made: 'escrow', contract: 'Escrow', args: (at, windowSec) => [at.token, at.assets, windowSec, at.timelock] },
    { made: 'market', contract: 'Market', args: (at) => [at.assets, at.revenue] },
  ],
  [
    {
      made: 'governance',
      contract: 'Governance',
      args: (at) => {
        const { delaySec, periodSec, threshold, quorumPercent } = GOVERNANCE;
        return ['Weft', at.votes, delaySec, periodSec, threshold, quorumPercent];
      },
    },
    { made: 'licences', contract: 'Licences', args: (at) => [at.escrow] },
    { made: 'jobs', contract: 'Jobs', args: (at) => [at.escrow] },
  ],
];

/** A plan for a chain on which nothing is there yet. */
export function freshPlan(terms: Omit<DeploymentPlan, 'nonces'>, firstNonce: number): DeploymentPlan {
  const nonces = stepsOf(terms).map(({ made }, i) => [made, firstNonce + i] as const);
  return { ...terms, nonces: Object.fromEntries(nonces) };
}

/**
 * For when a nonce of the plan was used for something else: what is there already stays, unless it names a contract that
 * moves; all others get new nonces.
 */
export function mendedPlan(plan: DeploymentPlan, there: ReadonlySet<Made>, freeNonce: number): DeploymentPlan {
  const kept = new Set(there);
  const before = addressesOf(plan);
  for (;;) {
    const moving = stepsOf(plan).filter(({ made }) => !kept.has(made));
    const nonces = { ...plan.nonces, ...Object.fromEntries(moving.map(({ made }, i) => [made, freeNonce + i])) };
    const mended = { ...plan, nonces };
    const now = addressesOf(mended);
    const outdated = stepsOf(plan).filter(
      ({ made, args }) => kept.has(made) && String(args(before, plan.windowSec)) !== String(args(now, plan.windowSec)),
    );
    if (outdated.length === 0) return mended;
    for (const { made } of outdated) kept.delete(made);
  }
}

/** What is to be made, by waves; within one in the order of nonces. */
export function plannedWaves(plan: DeploymentPlan): PlannedContract[][] {
  const at = addressesOf(plan);
  const steps = new Set(stepsOf(plan));
  return waves.map((wave) =>
    wave
      .filter((step) => steps.has(step))
      .map(({ made, contract, args }) => ({
        made,
        contract,
        args: args(at, plan.windowSec),
        nonce: plan.nonces[made]!,
        address: at[made],
      }))
      .sort((a, b) => a.nonce - b.nonce),
  );
}

/** What the file of addresses will say. */
export function plannedDeployment(plan: DeploymentPlan): Deployment {
  const { governance: _, ...addresses } = addressesOf(plan);
  return { chainId: plan.chainId, ...addresses, blockNumber: plan.blockNumber };
}

function addressesOf(plan: DeploymentPlan): Addresses {
  const from = (maker: string, nonce: number): Hex => lower(getCreateAddress({ from: maker, nonce }));
  const own = (made: Made): Hex => from(plan.deployer, plan.nonces[made] ?? 0);
  const [escrow, governance] = [own('escrow'), own('governance')];
  return {
    token: plan.token ?? own('token'),
    assets: own('assets'),
    escrow,
    // A contract's own nonces begin with 1.
    revenue: from(escrow, 1),
    licences: own('licences'),
    jobs: own('jobs'),
    market: own('market'),
    anchor: own('anchor'),
    votes: own('votes'),
    governance,
    timelock: from(governance, 1),
    governor: from(governance, 2),
  };
}

const stepsOf = ({ token }: Pick<DeploymentPlan, 'token'>): Step[] =>
  waves.flat().filter(({ made }) => made !== 'token' || token === undefined);
