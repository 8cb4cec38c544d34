import { z } from 'zod';
import { readMarketplace } from '#client/marketplace.js';
import { chainSafety, chainSettings } from '#platform/chain-settings.js';
import { loadConfig } from '#platform/config.js';
import { readSecret } from '#platform/secrets.js';
import type { Provider } from '#services/models/provider/provider.js';
import type { Context } from './command.js';
import { databaseUrlFile } from './up/database-url.js';

/** The provider of the services of this marketplace, beside the process that serves them. `close()` it. */
export async function openProvider({ home, progress }: Pick<Context, 'home' | 'progress'>): Promise<Provider> {
  const { Provider } = await import('#services/models/provider/provider.js');
  return await Provider.open({
    home,
    marketplace: await readMarketplace(home),
    databaseUrl: readSecret(databaseUrlFile(home)),
    safety: chainSafety(loadConfig(z.object(chainSettings))),
    onError: (error) => progress(`the provider met a problem: ${(error as Error).message}`),
  });
}
