import { resolve } from 'node:path';
import { Runtime } from '@temporalio/worker';
import { z } from 'zod';
import { loadConfig, port } from '#platform/config.js';
import { weftHome } from '#platform/home.js';
import { createMetrics, startMetricsServer } from '#platform/metrics.js';
import { runApp } from '#platform/run-app.js';
import { temporalSecurity, temporalSettings } from '#platform/temporal-settings.js';
import { runWorker } from './run-worker.js';
import { startSweeper } from './sweep-payloads.js';
import { temporalLogger } from './temporal-logger.js';

const schema = z.object({
  WEFT_WORKFLOWS: z.string().optional().describe('a file of workflows; default: the shipped pipelines'),
  WEFT_TASK_QUEUE: z.string().optional().describe('the task queue to take work from'),
  WEFT_PAYLOAD_DAYS: z.coerce
    .number()
    .min(1)
    .max(3_650)
    .default(30)
    .describe('days for which large payloads are kept, longer if Temporal still has a run that may need them'),
  WEFT_METRICS_PORT: port().default(0).describe('0 lets the system choose'),
  ...temporalSettings,
});

await runApp('worker', async (logger) => {
  const config = loadConfig(schema);
  const { WEFT_WORKFLOWS: file, WEFT_TASK_QUEUE: taskQueue } = config;
  Runtime.install({ logger: temporalLogger(logger), shutdownSignals: [] });
  const home = weftHome();
  const connection = temporalSecurity(config);
  const worker = await runWorker({
    home,
    logger,
    ...(file === undefined ? {} : { file: resolve(file) }),
    ...(taskQueue === undefined ? {} : { taskQueue }),
    connection,
  });
  worker.ended.catch((err: unknown) => {
    logger.fatal({ err }, 'the worker cannot go on');
    process.exit(1);
  });
  const sweeper = await startSweeper({
    temporal: { ...worker.marketplace.temporal, connection },
    payloads: worker.payloads,
    keepDays: config.WEFT_PAYLOAD_DAYS,
    logger,
  });
  const metrics = await startMetricsServer({
    registry: createMetrics('worker'),
    port: config.WEFT_METRICS_PORT,
  });
  return {
    ready: { taskQueue: worker.taskQueue, metrics: metrics.url },
    async close() {
      await sweeper.stop();
      await worker.close();
      await metrics.close();
    },
  };
});
