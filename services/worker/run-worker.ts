import { parse } from 'node:path';
import type { Logger } from 'pino';
import { type Marketplace, readMarketplace, readWalletToken } from '#client/marketplace.js';
import { openParts } from '#client/parts.js';
import { type Payloads, payloadsOf } from '#client/temporal/payloads.js';
import { toHex } from '#core/hex.js';
import { RemoteWallet } from '#payments/payer/remote-wallet.js';
import { createActivities } from './activities.js';
import { bundleWorkflows } from './bundle.js';
import { shippedBundle } from './bundle-file.js';
import { type RunningWorker, startWorker, type WorkerOptions } from './start-worker.js';

export interface WorkerWants {
  /** Where the marketplace's state lies. */
  readonly home: string;
  /** A file of workflows to run; default: the shipped pipelines. */
  readonly file?: string;
  /**
   * Where work is taken from; whoever starts a run names it too. Workers of one queue must run the same workflows.
   * Default: the marketplace's for the shipped pipelines, the file's name without its ending for a file.
   */
  readonly taskQueue?: string;
  readonly connection?: WorkerOptions['connection'];
  readonly logger: Logger;
}

export interface WorkerAtWork extends RunningWorker {
  readonly taskQueue: string;
  readonly marketplace: Marketplace;
  readonly payloads: Payloads;
}

/** Runs workflows with a marketplace's services. Throws CONFIG_INVALID, INVALID_INPUT (the file), TEMPORAL_UNAVAILABLE. */
export async function runWorker(wants: WorkerWants): Promise<WorkerAtWork> {
  const { home, file, logger } = wants;
  const marketplace = await readMarketplace(home);
  const payloads = payloadsOf(home, marketplace);
  const wallet = new RemoteWallet({
    address: marketplace.wallet,
    token: await readWalletToken(home, marketplace),
  });
  const parts = openParts(marketplace, wallet, (callId, err) =>
    logger.warn({ err, callId: toHex(callId) }, 'the wallet was not told how a call ended; its sweeper will ask'),
  );
  const taskQueue = wants.taskQueue ?? (file === undefined ? marketplace.taskQueue : parse(file).name);
  try {
    const worker = await startWorker({
      ...marketplace.temporal,
      taskQueue,
      payloads,
      workflows: file === undefined ? await shippedBundle() : await bundleWorkflows(file),
      activities: createActivities(parts),
      ...(wants.connection === undefined ? {} : { connection: wants.connection }),
    });
    return {
      taskQueue,
      marketplace,
      payloads,
      ended: worker.ended,
      async close() {
        await worker.close();
        await parts.close();
        wallet.close();
      },
    };
  } catch (error) {
    await parts.close();
    wallet.close();
    throw error;
  }
}
