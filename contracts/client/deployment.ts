import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ContractFactory, type Provider, type Signer } from 'ethers';
import { WeftError } from '#core/errors.js';
import type { Hex } from '#core/hex.js';
import { type ContractName, loadArtifact } from './artifact.js';
import { lower, read } from './chain.js';
import { explain } from './explain.js';

/** Where Weft's contracts stand on a chain. Addresses in lower case. */
export interface Deployment {
  readonly chainId: bigint;
  readonly token: Hex;
  readonly assets: Hex;
  readonly escrow: Hex;
  readonly revenue: Hex;
  readonly licences: Hex;
  readonly jobs: Hex;
  readonly market: Hex;
  readonly anchor: Hex;
  /** The token whose holders decide about the protocol's fee, their governor, and the timelock that does what they decide. */
  readonly votes: Hex;
  readonly governor: Hex;
  readonly timelock: Hex;
  /** Block from which on there are events. */
  readonly blockNumber: number;
}

export interface DeployOptions {
  /** Seconds after a channel's expiry in which it can still be claimed; 1 hour to 7 days. */
  readonly windowSec: number;
  /** The currency; a test token is deployed if none is given. */
  readonly token?: string;
}

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

/** Of the protocol, which has 10^24 votes. */
const GOVERNANCE: GovernanceTerms = {
  delaySec: 86_400,
  periodSec: 3 * 86_400,
  threshold: 10n ** 22n,
  quorumPercent: 4,
};

/** Deploys everything; all votes go to the signer. The test token only if no other is named. */
export async function deploy(signer: Signer, options: DeployOptions): Promise<Deployment> {
  const provider = providerOf(signer);
  const blockNumber = await provider.getBlockNumber();
  const token = options.token ?? (await deployOne(signer, 'TestToken', []));
  const assets = await deployOne(signer, 'Assets', []);
  const votes = await deployOne(signer, 'VotesToken', []);
  const { governor, timelock } = await deployGovernance(signer, 'Weft', votes, GOVERNANCE);
  const escrow = await deployOne(signer, 'Escrow', [token, assets, options.windowSec, timelock]);
  const revenue = lower((await read(provider, 'Escrow', escrow, 'revenue', []))[0]);
  const licences = await deployOne(signer, 'Licences', [escrow]);
  const jobs = await deployOne(signer, 'Jobs', [escrow]);
  const market = await deployOne(signer, 'Market', [assets, revenue]);
  const anchor = await deployOne(signer, 'Anchor', [assets]);
  const { chainId } = await provider.getNetwork();
  const economy = { licences, jobs, market, anchor, votes, governor, timelock };
  return { chainId, token: lower(token), assets, escrow, revenue, ...economy, blockNumber };
}

/** What `file` names if its contracts are there, else a new deployment, written to `file`. */
export async function deployOnce(signer: Signer, file: string, options: DeployOptions): Promise<Deployment> {
  const known = await readDeployment(file);
  if (known) {
    const provider = providerOf(signer);
    const { chainId } = await provider.getNetwork();
    if (chainId !== known.chainId) {
      throw new WeftError('WRONG_CHAIN', `${file} belongs to chain ${known.chainId}, this is chain ${chainId}`, {
        expected: String(known.chainId),
        actual: String(chainId),
      });
    }
    if (await isDeployed(provider, known)) return known;
  }
  const deployment = await deploy(signer, options);
  await writeDeployment(file, deployment);
  return deployment;
}

const contractNames = [
  'token',
  'assets',
  'escrow',
  'revenue',
  'licences',
  'jobs',
  'market',
  'anchor',
  'votes',
  'governor',
  'timelock',
] as const satisfies (keyof Deployment)[];
type Name = (typeof contractNames)[number];

/** Whether there is code at every address. */
export async function isDeployed(provider: Provider, deployment: Deployment): Promise<boolean> {
  const codes = await Promise.all(contractNames.map((name) => provider.getCode(deployment[name])));
  return codes.every((code) => code !== '0x');
}

/** Undefined if there is no such file. */
export async function readDeployment(file: string): Promise<Deployment | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const json = JSON.parse(text);
    const address = (name: string): Hex => {
      if (!/^0x[0-9a-f]{40}$/.test(json[name])) throw new Error(`${name} is not an address`);
      return json[name];
    };
    return {
      chainId: BigInt(json.chainId),
      ...(Object.fromEntries(contractNames.map((name) => [name, address(name)])) as Record<Name, Hex>),
      blockNumber: Number(json.blockNumber),
    };
  } catch (cause) {
    throw new WeftError('CONFIG_INVALID', `${file} does not describe a deployment`, { file }, { cause });
  }
}

export async function writeDeployment(file: string, deployment: Deployment): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  const json = { ...deployment, chainId: String(deployment.chainId) };
  await writeFile(draft, `${JSON.stringify(json, undefined, 2)}\n`);
  await rename(draft, file);
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

export async function deployOne(signer: Signer, name: ContractName, args: readonly unknown[]): Promise<Hex> {
  const { abi, bytecode } = loadArtifact(name);
  try {
    const contract = await new ContractFactory(abi, bytecode, signer).deploy(...args);
    await contract.waitForDeployment();
    return lower(await contract.getAddress());
  } catch (error) {
    throw explain(error, signer.provider);
  }
}

export function providerOf(signer: Signer): Provider {
  if (!signer.provider) throw new TypeError('the signer has no provider');
  return signer.provider;
}
