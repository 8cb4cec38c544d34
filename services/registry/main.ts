import { z } from 'zod';
import { deploymentFile, readDeployment } from '#contracts/deployment.js';
import { WeftError } from '#core/errors.js';
import { flag, loadConfig, port } from '#platform/config.js';
import { weftHome } from '#platform/home.js';
import { nestLogger } from '#platform/logging.js';
import { createMetrics, startMetricsServer } from '#platform/metrics.js';
import { runApp } from '#platform/run-app.js';
import { startRegistry } from './registry-app.js';

const schema = z.object({
  DATABASE_URL: z.url().describe('postgres://user:password@host:port/database'),
  WEFT_RPC_URL: z.url().describe('JSON-RPC of the chain'),
  WEFT_CONTRACTS_FILE: z
    .string()
    .default(() => deploymentFile(weftHome()))
    .describe('the JSON file that says where Weft’s contracts stand'),
  WEFT_HOST: z.string().default('127.0.0.1').describe('address to listen on'),
  WEFT_PORT: port().default(0).describe('0 lets the system choose'),
  WEFT_METRICS_PORT: port().default(0).describe('0 lets the system choose'),
  WEFT_ALLOW_PRIVATE_ENDPOINTS: flag()
    .default(false)
    .describe('true to take endpoints on this machine and in private networks'),
  WEFT_VISIT_EVERY_SEC: z.coerce.number().int().min(1).default(30).describe('how often listings are looked after'),
  WEFT_ADDRESS_RATE: z.coerce.number().min(1).default(200).describe('calls a second for each address'),
});

await runApp('registry', async (logger) => {
  const config = loadConfig(schema);
  const deployment = await readDeployment(config.WEFT_CONTRACTS_FILE);
  if (deployment === undefined)
    throw new WeftError('CONFIG_INVALID', `WEFT_CONTRACTS_FILE: ${config.WEFT_CONTRACTS_FILE} is not there`, {
      WEFT_CONTRACTS_FILE: 'is not there',
    });
  const metrics = createMetrics('registry');
  const app = await startRegistry({
    databaseUrl: config.DATABASE_URL,
    rpcUrl: config.WEFT_RPC_URL,
    deployment,
    allowPrivateEndpoints: config.WEFT_ALLOW_PRIVATE_ENDPOINTS,
    host: config.WEFT_HOST,
    port: config.WEFT_PORT,
    visitEverySec: config.WEFT_VISIT_EVERY_SEC,
    rate: { perSec: config.WEFT_ADDRESS_RATE, burst: config.WEFT_ADDRESS_RATE * 5 },
    metrics,
    logger: nestLogger(logger),
  });
  const metricsServer = await startMetricsServer({
    registry: metrics,
    host: config.WEFT_HOST,
    port: config.WEFT_METRICS_PORT,
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
