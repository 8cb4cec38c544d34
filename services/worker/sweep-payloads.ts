import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import { connectTemporal, type TemporalOptions } from '#client/temporal/connect-temporal.js';
import { PayloadStore } from '#client/temporal/payload-store.js';
import type { Payloads } from '#client/temporal/payloads.js';

const DAY_MS = 86_400_000;
const SWEEP_EVERY_MS = 3_600_000;

export interface SweepOptions {
  readonly client: Client;
  readonly folder: string;
  /** Payloads stay at least so long after they were last stored. */
  readonly keepDays: number;
  readonly nowMs?: number;
}

/**
 * Removes payloads that no run needs any more: older than `keepDays`, and than every run that Temporal still has, be
 * it open or kept after its end. Gives the number of files. When Temporal does not answer, nothing is removed.
 */
export async function sweepPayloads({ client, folder, keepDays, nowMs = Date.now() }: SweepOptions): Promise<number> {
  let before = nowMs - keepDays * DAY_MS;
  const query = `StartTime < "${new Date(before).toISOString()}"`;
  // A run's input is stored before it starts; a day is more than that can take.
  for await (const { startTime } of client.workflow.list({ query }))
    before = Math.min(before, startTime.getTime() - DAY_MS);
  return await new PayloadStore(folder).sweep(before);
}

export interface SweeperOptions extends Pick<SweepOptions, 'keepDays'> {
  readonly temporal: Omit<TemporalOptions, 'payloads'>;
  readonly payloads: Payloads;
  readonly logger: Logger;
}

/** Sweeps now and every hour until it is stopped. Throws TEMPORAL_UNAVAILABLE. */
export async function startSweeper(options: SweeperOptions): Promise<{ stop(): Promise<void> }> {
  const { temporal, payloads, keepDays, logger } = options;
  const client = await connectTemporal({ ...temporal, payloads });
  let last = Promise.resolve();
  const sweep = () => {
    last = sweepPayloads({ client, folder: payloads.folder, keepDays }).then(
      (files) => {
        if (files > 0) logger.info({ files }, 'removed payloads that no run needs any more');
      },
      (err: unknown) => logger.warn({ err }, 'old payloads could not be removed; it is tried again in an hour'),
    );
  };
  sweep();
  const timer = setInterval(sweep, SWEEP_EVERY_MS);
  return {
    async stop() {
      clearInterval(timer);
      await last;
      await client.connection.close();
    },
  };
}
