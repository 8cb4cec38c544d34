import { ContractFactory, type Provider, type Signer } from 'ethers';
import type { Hex } from '#core/hex.js';
import { type ContractName, loadArtifact } from './artifact.js';
import { lower, mined, read } from './chain.js';
import type { Deployment } from './deployment.js';
import { explain } from './explain.js';

export interface GovernanceTerms {
  /** From a proposal to the vote, and again from its success to its execution. */
  readonly delaySec: number;
  /** Of a vote. */
  readonly periodSec: number;
  /** Votes that a proposer needs. */
  readonly threshold: bigint;
  /** How many of all votes must take part. */
  readonly quorumPercent: number;
}

/** A governor for whatever has votes, and the timelock that does what it decides. */
export async function deployGovernance(
  signer: Signer,
  name: string,
  votes: string,
  { delaySec, periodSec, threshold, quorumPercent }: GovernanceTerms,
): Promise<Pick<Deployment, 'governor' | 'timelock'>> {
  const made = await deployOne(signer, 'Governance', [name, votes, delaySec, periodSec, threshold, quorumPercent]);
  const part = async (what: string) => lower((await read(providerOf(signer), 'Governance', made, what, []))[0]);
  return { governor: await part('governor'), timelock: await part('timelock') };
}

/** One contract beside those of the marketplace, which have their own way (deploy.ts): nothing of it is kept. */
export async function deployOne(signer: Signer, name: ContractName, args: readonly unknown[]): Promise<Hex> {
  const { abi, bytecode } = loadArtifact(name);
  try {
    const contract = await new ContractFactory(abi, bytecode, signer).deploy(...args);
    await mined(contract.deploymentTransaction()!);
    return lower(await contract.getAddress());
  } catch (error) {
    throw explain(error, signer.provider);
  }
}

export function providerOf(signer: Signer): Provider {
  if (!signer.provider) throw new TypeError('the signer has no provider');
  return signer.provider;
}
