import type { JsonRpcProvider } from 'ethers';
import { type Marketplace, readMarketplace } from '#client/marketplace.js';
import { Assets } from '#contracts/assets.js';
import { chainProvider } from '#contracts/chain-provider.js';
import { Licences } from '#contracts/licences.js';
import { WeftError } from '#core/errors.js';
import type { Context } from '../command.js';

export interface OpenLicences {
  readonly marketplace: Marketplace;
  readonly provider: JsonRpcProvider;
  readonly assets: Assets;
  readonly licences: Licences;
}

/** The licences of the marketplace's chain. Closed with the command. Errors: CONFIG_INVALID. */
export async function openLicences(context: Context): Promise<OpenLicences> {
  const marketplace = await readMarketplace(context.home);
  const { contracts, rpcUrl } = marketplace;
  if (contracts.licences === undefined)
    throw new WeftError(
      'CONFIG_INVALID',
      'this marketplace has no licences: its contracts are of an earlier version; start a new one',
      { field: 'contracts.licences' },
    );
  const provider = chainProvider({ rpcUrl, chainId: BigInt(marketplace.chainId) });
  context.closeLater({ close: () => provider.destroy() });
  const licences = new Licences(contracts.licences, provider);
  return { marketplace, provider, licences, assets: new Assets(contracts.assets, provider) };
}
