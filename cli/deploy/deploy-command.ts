import { resolve } from 'node:path';
import { type JsonRpcProvider, Wallet } from 'ethers';
import { z } from 'zod';
import { connectChain } from '#contracts/chain-provider.js';
import { deployOnce, findDeployment, isLocalChain } from '#contracts/deploy.js';
import { contractNames, type Deployment } from '#contracts/deployment.js';
import { WeftError } from '#core/errors.js';
import { chainSafety, chainSettings } from '#platform/chain-settings.js';
import { loadConfig } from '#platform/config.js';
import type { Answer, Context } from '../command.js';
import { ask, canAsk } from '../input/ask.js';
import { table } from '../output/table.js';
import { Home } from '../up/home.js';
import { type Bill, billOf, billText, checkFunds } from './bill.js';
import { chainIdOf, hostOf, tokenOf, windowOf } from './deploy-input.js';
import { deployerKey } from './deployer-key.js';

export interface DeployCommandOptions {
  readonly rpc?: string;
  readonly chainId?: string;
  readonly keystore?: string;
  readonly token?: string;
  readonly testToken?: boolean;
  readonly window?: string;
  readonly out?: string;
  readonly yes?: boolean;
}

const DEFAULT_WINDOW_SEC = 3_600;

const schema = z.object({
  WEFT_RPC_URL: z.url().optional().describe('JSON-RPC of the chain'),
  ...chainSettings,
});

/** Says what it is going to do and what that costs before it sends anything; whatever stops it, it may be run again. */
export async function deployCommand(context: Context, options: DeployCommandOptions): Promise<Answer> {
  const config = loadConfig(schema);
  const rpcUrl = options.rpc ?? config.WEFT_RPC_URL;
  if (rpcUrl === undefined || !URL.canParse(rpcUrl))
    throw new WeftError('INVALID_INPUT', 'which chain? Name its JSON-RPC with --rpc URL, or set WEFT_RPC_URL', {
      field: '--rpc',
    });
  const windowSec = windowOf(options.window);
  const file = resolve(options.out ?? new Home(context.home).contracts);
  try {
    const provider = await connectChain(rpcUrl);
    context.closeLater({ close: () => provider.destroy() });
    const { chainId } = await provider.getNetwork();
    chainIdOf(options.chainId, chainId);
    const token = await tokenOf(options, provider, chainId);
    const found = await findDeployment(provider, file, { token, windowSec });
    if (found !== undefined) return answer(found, file, false);
    const terms = { windowSec: windowSec ?? DEFAULT_WINDOW_SEC, ...(token !== undefined && { token }) };
    if (token === undefined && !options.testToken && !isLocalChain(chainId))
      throw new WeftError(
        'INVALID_INPUT',
        `chain ${chainId} is no local one: name the token that services are paid with by --token ADDRESS, or say --test-token`,
        { field: '--token' },
      );
    const deployer = new Wallet(await deployerKey(options.keystore, chainId, context.progress), provider);
    const { confirmations, maxFeePerGas } = chainSafety(config);
    const bill = await billOf(deployer, file, terms, maxFeePerGas);
    context.progress(`chain      ${chainId}, at ${hostOf(rpcUrl)}`);
    context.progress(billText(bill, terms));
    checkFunds(bill);
    await agreed(options);
    const made = await deployOnce(deployer, file, {
      ...terms,
      confirmations,
      maxFeePerGas,
      onProgress: (line) => context.progress(line),
    });
    return answer(made, file, true, await spent(provider, bill));
  } catch (error) {
    throw explained(error, rpcUrl);
  }
}

async function agreed({ yes }: DeployCommandOptions): Promise<void> {
  if (yes) return;
  if (!canAsk())
    throw new WeftError('INVALID_INPUT', 'nobody to ask before money is spent: say --yes', { field: '--yes' });
  if (!/^y(es)?$/i.test((await ask('deploy? [y/N] ')).trim())) throw new WeftError('CANCELLED', 'nothing was sent');
}

/** Wei. */
const spent = async (provider: JsonRpcProvider, { deployer, balance }: Bill): Promise<bigint> =>
  balance - (await provider.getBalance(deployer));

function answer(deployment: Deployment, file: string, isNew: boolean, spentWei?: bigint): Answer {
  const { chainId, blockNumber } = deployment;
  const contracts = Object.fromEntries(contractNames.map((name) => [name, deployment[name]]));
  const rows = Object.entries(contracts).map(([name, address]) => [name, address]);
  const json = { isNew, file, chainId: String(chainId), blockNumber, contracts, spentWei: spentWei?.toString() };
  const what = isNew ? `deployed on chain ${chainId}` : `already deployed on chain ${chainId}: nothing was sent`;
  return {
    json,
    text: `${table([{ title: 'CONTRACT' }, { title: 'ADDRESS' }], rows)}\n\n${what}; addresses in ${file}`,
  };
}

/** What stopped it, and that nothing is lost by it. */
function explained(error: unknown, rpcUrl: string): unknown {
  if (!(error instanceof WeftError)) return error;
  const { reason, details } = error;
  if (reason === 'CHAIN_UNAVAILABLE')
    return new WeftError(
      reason,
      `the chain at ${hostOf(rpcUrl)} does not answer, or not as a chain does; "npx weft deploy" goes on where it stopped`,
      { ...details, address: hostOf(rpcUrl) },
      { cause: error },
    );
  if (reason === 'FUNDS_TOO_LOW' && !error.message.includes('npx weft'))
    return new WeftError(reason, `${error.message}; send it some, then "npx weft deploy" goes on`, details, {
      cause: error,
    });
  return error;
}
