import { join } from 'node:path';
import { z } from 'zod';
import { openMarket } from '#client/market.js';
import { writeMarketplace } from '#client/marketplace.js';
import { readSecret } from '#platform/secrets.js';
import { createGateway } from '#services/gateway/gateway-app.js';
import { Health } from '#services/gateway/health/health.js';
import { firstKeyFile, gatewayFolder, KeyStore } from '#services/gateway/keys/key-store.js';
import { Pipelines } from '#services/gateway/runs/pipeline.js';
import { Runs } from '#services/gateway/runs/runs.js';
import { walletFolder } from '#services/wallet/wallet-keys.js';
import { bundleWorkflows } from '#services/worker/bundle.js';
import { countWords, wordsServices } from '#test/fixtures/gateway-workflows.js';
import { declaredRequirements } from '#workflows/runtime/requirements.js';
import { startEchoMarket } from './echo-market.js';
import { onEnd } from './on-end.js';
import { startPaidRuns } from './paid-runs.js';
import { startPaidWords } from './paid-words.js';

const walletFiles = ['password', 'admin.token', 'spend.token'];
const generous = { perSec: 10_000, burst: 10_000 };

/** Everything but the shipped models: chain, registry, wallet, paid services, Temporal, worker, gateway, all real. */
export async function startGatewayMarket() {
  const market = await startEchoMarket();
  onEnd(() => market.stop());
  const words = await startPaidWords(market.market);
  onEnd(() => words.stop());
  const workflows = await bundleWorkflows(join(import.meta.dirname, '../fixtures/gateway-workflows.ts'));
  const runs = await startPaidRuns(market.market, market.wallet, workflows);
  const marketplace = {
    ...market.marketplace,
    temporal: { address: runs.temporal.address, namespace: 'default', ui: '' },
    taskQueue: runs.taskQueue,
  };
  const open = openMarket(marketplace);
  onEnd(() => open.close());
  const pipelines = new Pipelines([
    {
      name: 'words',
      summary: 'Counts words',
      workflowType: countWords.name,
      input: z.strictObject({ text: z.string().min(1) }),
      requirements: declaredRequirements(wordsServices),
    },
  ]);
  const { address } = runs.temporal;
  const keys = KeyStore.open(gatewayFolder(market.home));
  const app = await createGateway({
    keys,
    market: open,
    pipelines,
    runs: new Runs({ client: runs.client, pipelines, taskQueue: runs.taskQueue, address }),
    health: new Health({ ...marketplace, market: open, temporal: runs.client }),
    publicUrls: [],
    trustedProxies: [],
    addressRate: generous,
    keyRate: generous,
  });
  await app.listen(0, '127.0.0.1');
  onEnd(() => app.close());
  const gateway = await app.getUrl();
  await writeMarketplace(market.home, { ...marketplace, gateway });
  /** Everything that must stay in this home's files. */
  const secrets = () =>
    [firstKeyFile(gatewayFolder(market.home)), ...walletFiles.map((name) => join(walletFolder(market.home), name))].map(
      (file) => readSecret(file),
    );
  return { ...market, words, runs, keys, gateway, secrets };
}

export type GatewayMarket = Awaited<ReturnType<typeof startGatewayMarket>>;
