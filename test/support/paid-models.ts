import { toQuantity } from 'ethers';
import { type ModelName, modelNames } from '#services/models/models.js';
import { ProviderKeys } from '#services/models/provider/provider-keys.js';
import { createDatabase } from './database.js';
import type { EchoMarket } from './echo-market.js';
import { spawnNode } from './spawn-node.js';

/** A shipped model behind its paywall, listed in the market, as a process of its own. */
export async function startPaidModel({ home, chain }: EchoMarket, name: ModelName): Promise<void> {
  const keys = ProviderKeys.open(home);
  for (const { address } of [keys.operator, keys.owner(modelNames.indexOf(name))])
    await chain.provider.send('anvil_setBalance', [address, toQuantity(10n ** 18n)]);
  const env = { WEFT_HOME: home, DATABASE_URL: await createDatabase() };
  await spawnNode(`services/models/${name}/main.ts`, { env }).waitForLine(/"msg":"ready"/, 60_000);
}
