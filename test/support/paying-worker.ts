import type { Client } from '@temporalio/client';
import { writeMarketplace } from '#client/marketplace.js';
import { connectTemporal } from '#client/temporal/connect-temporal.js';
import { payloadsOf } from '#client/temporal/payloads.js';
import type { RemoteWallet } from '#payments/payer/remote-wallet.js';
import type { LocalTemporal } from '#platform/local/temporal.js';
import { createDatabase } from './database.js';
import type { Market } from './market.js';
import { onEnd } from './on-end.js';
import { marketplaceFor } from './paid-runs.js';
import { Silence, type SilenceOptions } from './silence.js';
import { type NodeProcess, spawnNode } from './spawn-node.js';
import { giveMoney, startWalletProcess, walletHome } from './wallet-process.js';
import { startWalletRelay } from './wallet-relay.js';

export interface PayingWorkers {
  readonly home: string;
  readonly wallet: RemoteWallet;
  readonly client: Client;
  readonly taskQueue: string;
  /** From now on no call of that method of the wallet is answered, until `answerAgain`. */
  fallSilent(method: string, options: SilenceOptions): Silence;
  answerAgain(): void;
  /** Another worker process, ready for work. */
  startWorker(): Promise<NodeProcess>;
}

/**
 * Wallet and workers as processes of their own, to be killed. The workers run the file `workflows` with the given
 * Temporal server.
 */
export async function startPayingWorkers(
  market: Market,
  temporal: LocalTemporal,
  workflows: string,
): Promise<PayingWorkers> {
  const home = await walletHome(market.chain);
  const process = await startWalletProcess(home, { DATABASE_URL: await createDatabase() });
  onEnd(() => process.process.stop());
  await giveMoney(market.chain, process.payer, 1_000_000n);
  let silence: Silence | undefined;
  const wallet = await startWalletRelay(process.address, (call, forward) =>
    silence?.concerns(call) ? silence.swallow(call, forward) : forward(),
  );
  const taskQueue = 'paying';
  await writeMarketplace(
    home,
    marketplaceFor(market, temporal, { wallet, walletTokenFile: 'wallet/spend.token', taskQueue }),
  );
  const client = await connectTemporal({
    address: temporal.address,
    namespace: 'default',
    payloads: payloadsOf(home, {}),
  });
  onEnd(() => client.connection.close());
  return {
    home,
    client,
    taskQueue,
    wallet: process.connect(),
    fallSilent(method, options) {
      silence = new Silence(method, options);
      return silence;
    },
    answerAgain() {
      silence = undefined;
    },
    async startWorker() {
      const env = { WEFT_HOME: home, WEFT_WORKFLOWS: workflows, WEFT_TASK_QUEUE: taskQueue };
      const worker = spawnNode('services/worker/main.ts', { env });
      await worker.waitForLine(/"msg":"ready"/, 60_000);
      return worker;
    },
  };
}
