import { z } from 'zod';
import { readDeployment } from '#contracts/deployment.js';
import { WeftError } from '#core/errors.js';
import { flag, loadConfig, port } from '#platform/config.js';
import { nestLogger } from '#platform/logging.js';
import { createMetrics, startMetricsServer } from '#platform/metrics.js';
import { runApp } from '#platform/run-app.js';
import { startRegistry } from './registry-app.js';

const schema = z.object({
  DATABASE_URL: z.url().describe('postgres://user:password@host:port/database'),
  RPC_URL: z.url().describe('JSON-RPC of the chain'),
  CONTRACTS_FILE: z.string().describe('the JSON file that says where Weft’s contracts stand'),
  HOST: z.string().default('127.0.0.1').describe('address to listen on'),
  PORT: port().default(0).describe('0 lets the system choose'),
  METRICS_PORT: port().default(0).describe('0 lets the system choose'),
  ALLOW_PRIVATE_ENDPOINTS: flag()
    .default(false)
    .describe('true to take endpoints on this machine and in private networks'),
  VISIT_EVERY_SEC: z.coerce.number().int().min(1).default(30).describe('how often listings are looked after'),
  RATE_PER_SEC: z.coerce.number().min(1).default(200).describe('calls a second for each address'),
});

await runApp('registry', async (logger) => {
  const config = loadConfig(schema);
  const deployment = await readDeployment(config.CONTRACTS_FILE);
  if (deployment === undefined)
    throw new WeftError('CONFIG_INVALID', `CONTRACTS_FILE: ${config.CONTRACTS_FILE} is not there`, {
      CONTRACTS_FILE: 'is not there',
    });
  const metrics = createMetrics('registry');
  const app = await startRegistry({
    databaseUrl: config.DATABASE_URL,
    rpcUrl: config.RPC_URL,
    deployment,
    allowPrivateEndpoints: config.ALLOW_PRIVATE_ENDPOINTS,
    host: config.HOST,
    port: config.PORT,
    visitEverySec: config.VISIT_EVERY_SEC,
    rate: { perSec: config.RATE_PER_SEC, burst: config.RATE_PER_SEC * 5 },
    metrics,
    logger: nestLogger(logger),
  });
  const metricsServer = await startMetricsServer({
    registry: metrics,
    host: config.HOST,
    port: config.METRICS_PORT,
    isHealthy: () => app.store.isReachable(),
  });
  return {
    ready: { address: app.address, metrics: metricsServer.url },
    async close() {
      await app.close();
      await metricsServer.close();
    },
  };
});
