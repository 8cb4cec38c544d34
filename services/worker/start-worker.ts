import { NativeConnection, type NativeConnectionOptions, Worker, type WorkflowBundle } from '@temporalio/worker';
import { workerDataConverter } from '#client/temporal/data-converter.js';
import type { Payloads } from '#client/temporal/payloads.js';
import { requireListener } from '#client/temporal/require-listener.js';
import { partDown } from '#core/part-down.js';
import type { RunActivities } from '#workflows/runtime/activities.js';
import { encodeFailures } from './encode-failures.js';

export interface WorkerOptions {
  /** "127.0.0.1:7233" */
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly payloads: Payloads;
  readonly workflows: WorkflowBundle;
  readonly activities: RunActivities;
  readonly connection?: Pick<NativeConnectionOptions, 'tls' | 'apiKey' | 'metadata'>;
  /** How long steps under way may go on after `close()`. */
  readonly graceMs?: number;
}

export interface RunningWorker {
  /** Resolves once it was closed; rejects if it cannot go on. */
  readonly ended: Promise<void>;
  /** Takes nothing new, waits for steps under way, then ends. */
  close(): Promise<void>;
}

/** Runs workflows until it is closed. Throws TEMPORAL_UNAVAILABLE. */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { address, namespace, taskQueue } = options;
  await requireListener(address);
  const connection = await NativeConnection.connect({ address, ...options.connection }).catch((error: unknown) => {
    throw partDown('TEMPORAL_UNAVAILABLE', address, error);
  });
  try {
    const worker = await Worker.create({
      connection,
      namespace,
      taskQueue,
      workflowBundle: options.workflows,
      activities: { ...options.activities },
      dataConverter: workerDataConverter(options.payloads),
      interceptors: { activity: options.payloads.key === undefined ? [] : [encodeFailures] },
      shutdownGraceTime: options.graceMs ?? 5_000,
    });
    const ended = worker.run().finally(() => connection.close());
    ended.catch(() => {}); // whoever waits for it is told
    return {
      ended,
      async close() {
        if (worker.getState() === 'RUNNING') worker.shutdown();
        await ended;
      },
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}
