import type { JsonRpcProvider } from 'ethers';
import { WeftError } from '#core/errors.js';
import type { Hex } from '#core/hex.js';
import { type ContractName, loadArtifact } from './artifact.js';
import { codeAt, read } from './chain.js';
import { orChainError } from './chain-provider.js';
import { contractNames, type Deployment, type DeploymentName } from './deployment.js';
import { roleHolders } from './timelock-roles.js';

type Ours = Exclude<DeploymentName, 'token'>;

/** Which contract stands where. The currency may be anybody's. */
const contractOf: Record<Ours, ContractName> = {
  assets: 'Assets',
  escrow: 'Escrow',
  revenue: 'Revenue',
  licences: 'Licences',
  jobs: 'Jobs',
  market: 'Market',
  anchor: 'Anchor',
  votes: 'VotesToken',
  governor: 'WeftGovernor',
  timelock: 'TimelockController',
};

/** Immutables that follow from a contract's own name and place. */
const UNCHECKED = new Set(['_cachedDomainSeparator', '_hashedName', '_hashedVersion', '_name', '_version']);

/**
 * Compares what stands at a deployment's addresses with what was compiled here: the code, and in it whatever the
 * constructors wrote there (chain, token, assets, window, and who belongs to whom). Gives the names of what is not
 * there at all. CONFIG_INVALID if there is something else: nobody's money may go there; also if the events of the
 * timelock name somebody besides the governor who commands it. Storage that a forged constructor could have left without
 * a word is not seen by this: use a file of addresses only from whom you trust.
 */
export async function verifyDeployment(
  provider: JsonRpcProvider,
  deployment: Deployment,
): Promise<readonly DeploymentName[]> {
  const { url } = provider._getConnection();
  const codes = new Map(
    await orChainError(
      url,
      Promise.all(
        contractNames.map(async (name) => [name, (await codeAt(provider, deployment[name])).toLowerCase()] as const),
      ),
    ),
  );
  const missing = contractNames.filter((name) => codes.get(name) === '0x');
  const ours = contractNames.filter((name) => name !== 'token' && !missing.includes(name)) as Ours[];
  for (const name of ours)
    if (!isCodeOf(contractOf[name], codes.get(name)!))
      throw refused(name, deployment[name], `has other code than Weft's ${contractOf[name]}`);
  const windows = new Set<bigint>();
  for (const name of ours) {
    const expected = expectedImmutables(name, deployment);
    for (const [variable, found] of immutablesIn(contractOf[name], codes.get(name)!)) {
      if (variable === 'WINDOW' || variable === '_window') windows.add(found);
      else if (!UNCHECKED.has(variable) && BigInt(expected[variable] ?? -1) !== found)
        throw refused(name, deployment[name], `was made with another ${variable.replace(/^_/, '')}`);
    }
  }
  if (windows.size > 1) throw refused('licences', deployment.licences, 'was made with another window');
  if (missing.length === 0) await verifyGovernance(provider, deployment);
  return missing;
}

/** Seconds after a channel's expiry in which it can still be claimed, as the escrow's code says. */
export async function deployedWindowSec(provider: JsonRpcProvider, { escrow }: Deployment): Promise<number> {
  return Number((await read(provider, 'Escrow', escrow, 'WINDOW', []))[0]);
}

/** Whether this is the contract, whatever its constructor was given. */
export function isCodeOf(contract: ContractName, code: string): boolean {
  const { deployedBytecode, immutables } = loadArtifact(contract);
  if (code.length !== deployedBytecode.length) return false;
  const bytes = Buffer.from(code.slice(2), 'hex');
  for (const at of Object.values(immutables).flat()) bytes.fill(0, at, at + 32);
  return bytes.equals(Buffer.from(deployedBytecode.slice(2), 'hex'));
}

/** Every use of an immutable in the code, so that none can differ from the others. */
const immutablesIn = (contract: ContractName, code: string): [name: string, value: bigint][] =>
  Object.entries(loadArtifact(contract).immutables).flatMap(([name, places]) =>
    places.map((at): [string, bigint] => [name, BigInt(`0x${code.slice(2 + 2 * at, 2 + 2 * (at + 32))}`)]),
  );

function expectedImmutables(name: DeploymentName, deployment: Deployment): Readonly<Record<string, string | bigint>> {
  const { chainId, token, assets, escrow, revenue, timelock, votes } = deployment;
  const money = name === 'governor' ? votes : token;
  return {
    ...{ _cachedChainId: chainId, _homeChainId: chainId, _cachedThis: deployment[name] },
    ...{ token, assets, escrow, revenue, governance: timelock },
    ...{ _token: money, _assets: assets, _escrow: escrow, _revenue: revenue },
  };
}

/** These two keep in storage that they belong together, and nobody else may belong to them. */
async function verifyGovernance(provider: JsonRpcProvider, deployment: Deployment): Promise<void> {
  const { governor, timelock, blockNumber } = deployment;
  const [[named], [role]] = await Promise.all([
    read(provider, 'WeftGovernor', governor, 'timelock', []),
    read(provider, 'TimelockController', timelock, 'PROPOSER_ROLE', []),
  ]);
  if (BigInt(named) !== BigInt(timelock)) throw refused('governor', governor, 'decides about another timelock');
  const [isProposer] = await read(provider, 'TimelockController', timelock, 'hasRole', [role, governor]);
  if (!isProposer) throw refused('timelock', timelock, 'does not obey the governor');
  const { isWhole, of } = await roleHolders(timelock, provider, blockNumber);
  if (!isWhole)
    throw refused('timelock', timelock, `has no events since block ${blockNumber} that tell who commands it`);
  const allowed = { admin: timelock, proposer: governor, canceller: governor } as const;
  for (const role of ['admin', 'proposer', 'canceller'] as const) {
    const others = of[role].filter((account) => account !== allowed[role]);
    if (others.length > 0) throw refused('timelock', timelock, `has another ${role}: ${others.join(', ')}`);
  }
}

const refused = (name: DeploymentName, address: Hex, why: string): WeftError =>
  new WeftError('CONFIG_INVALID', `the contract named as ${name}, ${address}, ${why}`, { contract: name, address });
