import { toQuantity } from 'ethers';
import { type ModelName, modelNames } from '#services/models/models.js';
import { sendersFor } from '#services/models/owners.js';
import { ProviderKeys } from '#services/models/provider/provider-keys.js';
import { createDatabase } from './database.js';
import type { EchoMarket } from './echo-market.js';
import { spawnNode } from './spawn-node.js';

/** A shipped model behind its paywall, listed in the market, as a process of its own. */
export async function startPaidModel(
  { home, chain }: Pick<EchoMarket, 'home' | 'chain'>,
  name: ModelName,
  settings: NodeJS.ProcessEnv = {},
): Promise<{ readonly address: string }> {
  const keys = ProviderKeys.open(home);
  for (const { address } of sendersFor(keys, [name]))
    await chain.provider.send('anvil_setBalance', [address, toQuantity(10n ** 18n)]);
  const env = { WEFT_HOME: home, DATABASE_URL: await createDatabase(), ...settings };
  const [line] = await spawnNode(`services/models/${name}/main.ts`, { env }).waitForLine(/.*"msg":"ready".*/, 60_000);
  return { address: JSON.parse(line).addresses[name] };
}

/** All shipped models behind their paywalls, listed in the market, in one process as `weft up` starts them. */
export async function startPaidModels({ home, chain }: EchoMarket): Promise<void> {
  const keys = ProviderKeys.open(home);
  for (const { address } of sendersFor(keys, modelNames))
    await chain.provider.send('anvil_setBalance', [address, toQuantity(10n ** 18n)]);
  const env = { WEFT_HOME: home, DATABASE_URL: await createDatabase() };
  await spawnNode('services/models/main.ts', { env }).waitForLine(/"msg":"ready"/, 120_000);
}
