import { join } from 'node:path';
import type { Client, WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { Worker, type WorkflowBundle } from '@temporalio/worker';
import type { Marketplace } from '#client/marketplace.js';
import { type ClientParts, openParts } from '#client/parts.js';
import { connectTemporal } from '#client/temporal/connect-temporal.js';
import { workerDataConverter } from '#client/temporal/data-converter.js';
import type { Payloads } from '#client/temporal/payloads.js';
import type { Wallet } from '#payments/payer/wallet.js';
import type { LocalTemporal } from '#platform/local/temporal.js';
import { createActivities } from '#services/worker/activities.js';
import { type RunningWorker, startWorker } from '#services/worker/start-worker.js';
import type { Market } from './market.js';
import { marketplaceOf } from './nowhere.js';
import { onEnd } from './on-end.js';
import { quietTemporal } from './quiet-temporal.js';
import { tempDir } from './temp-dir.js';
import { startTemporal } from './temporal.js';

/** The market as programs of the marketplace are told of it. */
export const marketplaceFor = (
  market: Market,
  temporal: Pick<LocalTemporal, 'address'>,
  more: Partial<Marketplace> = {},
): Marketplace =>
  marketplaceOf({
    chainId: Number(market.chain.deployment.chainId),
    rpcUrl: market.chain.rpcUrl,
    contracts: market.chain.deployment,
    registry: market.registry.address,
    temporal: { address: temporal.address, namespace: 'default', ui: '' },
    taskQueue: 'test',
    ...more,
  });

/** Temporal, a client of it, and a worker that pays with `wallet`, all in this process but the server. */
export async function startPaidRuns(
  market: Market,
  wallet: Wallet,
  workflows: WorkflowBundle,
  payloadKey?: Uint8Array,
) {
  quietTemporal();
  const temporal = await startTemporal();
  const marketplace = marketplaceFor(market, temporal);
  const payloads: Payloads = { folder: join(tempDir(), 'payloads'), ...(payloadKey && { key: payloadKey }) };
  const { address } = temporal;
  const { namespace } = marketplace.temporal;
  const { taskQueue } = marketplace;
  const client: Client = await connectTemporal({ address, namespace, payloads });
  onEnd(() => client.connection.close());
  const parts: ClientParts = openParts(marketplace, wallet);
  onEnd(() => parts.close());
  const startOne = async (): Promise<RunningWorker> => {
    const activities = createActivities(parts);
    const worker = await startWorker({
      address,
      namespace,
      taskQueue,
      payloads,
      workflows,
      activities,
      graceMs: 200,
    });
    onEnd(() => worker.close());
    return worker;
  };
  await startOne();
  const replay = (history: unknown, workflowId: string): Promise<void> =>
    Worker.runReplayHistory(
      { workflowBundle: workflows, dataConverter: workerDataConverter(payloads) },
      history,
      workflowId,
    );
  /** Replays every history that is there, or only those of runs that are over; gives how many. */
  const replayAll = async ({ alsoRunning = true } = {}): Promise<number> => {
    let replayed = 0;
    for await (const { workflowId, runId, status } of client.workflow.list()) {
      if (!alsoRunning && status.name === 'RUNNING') continue;
      const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
      await replay(history, workflowId);
      replayed++;
    }
    return replayed;
  };
  return {
    temporal,
    marketplace,
    client,
    parts,
    payloadFolder: payloads.folder,
    replay,
    replayAll,
    taskQueue,
    startWorker: startOne,
    start: (
      workflow: string,
      args: unknown[],
      more: { workflowId?: string; memo?: Record<string, unknown>; cronSchedule?: string } = {},
    ): Promise<WorkflowHandleWithFirstExecutionRunId> =>
      client.workflow.start(workflow, { taskQueue, workflowId: `${workflow}-${count++}`, args, ...more }),
  };
}

export type PaidRuns = Awaited<ReturnType<typeof startPaidRuns>>;

let count = 0;
