import { type BaseWallet, JsonRpcProvider } from 'ethers';
import { WeftError } from '#core/errors.js';
import { type CarryOutOptions, carryOut } from './carry-out.js';
import { codeAt, lower } from './chain.js';
import { orChainError } from './chain-provider.js';
import { type Deployment, readDeployment, writeDeployment } from './deployment.js';
import { createJournal, journalFile, readJournal, removeJournal, writeJournal } from './deployment-journal.js';
import {
  type DeploymentPlan,
  freshPlan,
  type PlannedContract,
  plannedDeployment,
  plannedWaves,
} from './deployment-plan.js';
import { deployedWindowSec, verifyDeployment } from './verify-deployment.js';

export interface DeployOptions extends CarryOutOptions {
  /** Seconds after a channel's expiry in which it can still be claimed; 1 hour to 7 days. */
  readonly windowSec: number;
  /** The currency; a test token is deployed if none is given. */
  readonly token?: string;
}

/** Chains that begin anew whenever somebody likes, and whose money is worth nothing: anvil's and its like. */
export const isLocalChain = (chainId: bigint): boolean => chainId === 31337n || chainId === 1337n;

/** Deploys everything; all votes go to the deployer. Keeps no journal: what is half done when it fails is lost. */
export async function deploy(deployer: BaseWallet, options: DeployOptions): Promise<Deployment> {
  const plan = await carryOut(await newPlan(deployer, options), deployer, options);
  return plannedDeployment(plan);
}

/**
 * What `file` names if its contracts are there, else a new deployment, written to `file`. Where everything will stand is
 * durable before anything is sent; whatever was killed goes on from there and never makes a second one of a contract.
 * Errors: WRONG_CHAIN; CONFIG_INVALID when `file` or its journal says something else than asked for; FUNDS_TOO_LOW;
 * FEE_ABOVE_LIMIT; CHAIN_UNAVAILABLE. After any of them it may be called again.
 */
export async function deployOnce(deployer: BaseWallet, file: string, options: DeployOptions): Promise<Deployment> {
  const provider = providerOf(deployer);
  const found = await findDeployment(provider, file, { token: options.token });
  if (found !== undefined) {
    await removeJournal(file);
    return found;
  }
  const plan = await carryOut(await journaledPlan(deployer, file, options), deployer, {
    ...options,
    onMended: (mended) => writeJournal(file, mended),
  });
  const deployment = plannedDeployment(plan);
  const missing = await verifyDeployment(provider, deployment);
  if (missing.length > 0) throw new WeftError('CHAIN_UNAVAILABLE', `the chain no longer shows ${missing.join(', ')}`);
  await writeDeployment(file, deployment);
  await removeJournal(file);
  return deployment;
}

/**
 * What `file` names, verified; undefined if there is no such file, or if it is of a local chain that has begun anew.
 * Errors: WRONG_CHAIN; CONFIG_INVALID when other code stands there, or the deployment is not as `wanted`.
 */
export async function findDeployment(
  provider: JsonRpcProvider,
  file: string,
  wanted: { readonly token?: string | undefined; readonly windowSec?: number | undefined } = {},
): Promise<Deployment | undefined> {
  const known = await readDeployment(file);
  if (known === undefined) return undefined;
  await checkChainOf(provider, known.chainId, file);
  const missing = await verifyDeployment(provider, known).catch((error) => {
    if (!(error instanceof WeftError) || error.reason !== 'CONFIG_INVALID') throw error;
    throw new WeftError('CONFIG_INVALID', `${file} is refused: ${error.message}`, { ...error.details, file });
  });
  if (missing.length > 0) {
    if (isLocalChain(known.chainId)) return undefined;
    const [name] = missing;
    throw new WeftError(
      'CONFIG_INVALID',
      `${file} names contracts that the chain does not show (${missing.join(', ')}): is the node up to date? ` +
        'To deploy anew, move the file away',
      { file, contract: name!, address: known[name!] },
    );
  }
  const differs = (field: string, is: string | number, asked: string | number) =>
    new WeftError(
      'CONFIG_INVALID',
      `${file} is a deployment with ${field} ${is}, not ${asked}; write another one to another file`,
      { file, field },
    );
  if (wanted.token !== undefined && lower(wanted.token) !== known.token)
    throw differs('token', known.token, lower(wanted.token));
  if (wanted.windowSec !== undefined) {
    const windowSec = await deployedWindowSec(provider, known);
    if (windowSec !== wanted.windowSec) throw differs('window', windowSec, wanted.windowSec);
  }
  return known;
}

/** What `deployOnce` would make, or has yet to make, with what is asked for. Changes nothing. */
export async function outstanding(
  deployer: BaseWallet,
  file: string,
  options: DeployOptions,
): Promise<PlannedContract[]> {
  const fresh = await newPlan(deployer, options);
  const begun = await readJournal(file);
  if (begun === undefined || isOfAnotherLocalChain(begun, fresh)) return plannedWaves(fresh).flat();
  checkResumed(file, begun, fresh);
  const planned = plannedWaves(begun).flat();
  const { url } = providerOf(deployer)._getConnection();
  const asked = planned.map(({ address }) => codeAt(providerOf(deployer), address));
  const codes = await orChainError(url, Promise.all(asked));
  return planned.filter((_, i) => codes[i] === '0x');
}

const isOfAnotherLocalChain = (begun: DeploymentPlan, fresh: DeploymentPlan): boolean =>
  isLocalChain(fresh.chainId) && begun.genesis !== fresh.genesis;

/** The journal's plan if one is under way, else a new one, which is in the journal then. */
async function journaledPlan(deployer: BaseWallet, file: string, options: DeployOptions): Promise<DeploymentPlan> {
  const fresh = await newPlan(deployer, options);
  for (;;) {
    if (await createJournal(file, fresh)) return fresh;
    const plan = await readJournal(file);
    if (plan === undefined) continue;
    if (isOfAnotherLocalChain(plan, fresh)) {
      await removeJournal(file);
    } else {
      checkResumed(file, plan, fresh);
      return plan;
    }
  }
}

async function newPlan(deployer: BaseWallet, { windowSec, token }: DeployOptions): Promise<DeploymentPlan> {
  const provider = providerOf(deployer);
  const { url } = provider._getConnection();
  const [{ chainId }, genesis, blockNumber, nonce] = await orChainError(
    url,
    Promise.all([
      provider.getNetwork(),
      provider.getBlock(0),
      provider.getBlockNumber(),
      // What the deployer has sent and is not mined yet is not in the way.
      provider.getTransactionCount(deployer.address, 'pending'),
    ]),
  );
  if (genesis?.hash == null) throw new WeftError('CHAIN_UNAVAILABLE', 'the node does not tell its first block');
  const terms = { chainId, genesis: lower(genesis.hash), deployer: lower(deployer.address), windowSec, blockNumber };
  return freshPlan(token === undefined ? terms : { ...terms, token: lower(token) }, nonce);
}

/** A deployment that was begun is finished as it was begun, or not at all. */
function checkResumed(file: string, plan: DeploymentPlan, asked: DeploymentPlan): void {
  for (const field of ['chainId', 'genesis', 'deployer', 'token', 'windowSec'] as const) {
    if (plan[field] === asked[field]) continue;
    throw new WeftError(
      'CONFIG_INVALID',
      `a deployment with ${field} ${plan[field] ?? 'of a new test token'} is under way in ${journalFile(file)}, not ` +
        `${asked[field] ?? 'of a new test token'}: finish it as it was begun, or move that file away to begin anew`,
      { file: journalFile(file), field },
    );
  }
}

async function checkChainOf(provider: JsonRpcProvider, chainId: bigint, file: string): Promise<void> {
  const actual = BigInt(await orChainError(provider._getConnection().url, provider.send('eth_chainId', [])));
  if (actual === chainId) return;
  throw new WeftError('WRONG_CHAIN', `${file} belongs to chain ${chainId}, this is chain ${actual}`, {
    expected: String(chainId),
    actual: String(actual),
  });
}

function providerOf({ provider }: BaseWallet): JsonRpcProvider {
  if (provider instanceof JsonRpcProvider) return provider;
  throw new TypeError('the deployer has no provider');
}
