import type { JsonRpcProvider } from 'ethers';
import { readContracts, readMarketplace } from '#client/marketplace.js';
import { chainProvider, checkChain } from '#contracts/chain-provider.js';
import { type Deployment, readDeployment } from '#contracts/deployment.js';
import { WeftError } from '#core/errors.js';
import type { Context } from './command.js';

/** Where somebody without a marketplace of his own finds its chain and contracts. */
export interface ChainOptions {
  readonly rpcUrl?: string;
  readonly contracts?: string;
}

export interface OpenChain {
  readonly provider: JsonRpcProvider;
  readonly rpcUrl: string;
  readonly contracts: Deployment;
}

/** The marketplace's chain and where its contracts stand. Closed with the command. */
export async function openChain(context: Context, options: ChainOptions = {}): Promise<OpenChain> {
  const rpcUrl = options.rpcUrl ?? (await readMarketplace(context.home)).rpcUrl;
  const { file, contracts } =
    options.contracts === undefined
      ? await readContracts(context.home)
      : { file: options.contracts, contracts: await readDeployment(options.contracts) };
  if (contracts === undefined)
    throw new WeftError('CONFIG_INVALID', `there is no ${file}: start a marketplace with "npm start"`, { file });
  const at = { rpcUrl, chainId: contracts.chainId };
  const provider = chainProvider(at);
  context.closeLater({ close: () => provider.destroy() });
  await checkChain(provider, at);
  return { provider, rpcUrl, contracts };
}
