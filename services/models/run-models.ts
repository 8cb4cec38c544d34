import { z } from 'zod';
import { readMarketplace } from '#client/marketplace.js';
import { loadConfig, port } from '#platform/config.js';
import { loadDescriptorSet } from '#platform/grpc/descriptor-set.js';
import { weftHome } from '#platform/home.js';
import { freePort } from '#platform/local/free-port.js';
import { nestLogger } from '#platform/logging.js';
import { createMetrics, measureCalls, startMetricsServer } from '#platform/metrics.js';
import { runApp } from '#platform/run-app.js';
import { type ModelName, modelNamed, modelNames } from './models.js';
import { Provider } from './provider/provider.js';
import { startModels } from './start-models.js';

const schema = z.object({
  MODELS_HOST: z.string().default('127.0.0.1').describe('address to listen on'),
  MODERATION_PORT: port().default(0),
  OCR_PORT: port().default(0),
  SUPERRES_PORT: port().default(0),
  LANGUAGE_PORT: port().default(0),
  ENTITIES_PORT: port().default(0),
  METRICS_PORT: port().default(0),
  DATABASE_URL: z
    .url()
    .optional()
    .describe('of the ledger, to sell the services on the marketplace of WEFT_HOME; without it they are free'),
  CLAIM_AMOUNT: z.coerce.bigint().optional().describe('minor units on a channel that are worth a claim'),
  CLAIM_AFTER_SEC: z.coerce.number().int().min(1).optional().describe('age of earnings at which they are claimed'),
  CLAIM_EVERY_MS: z.coerce.number().int().min(100).default(15_000).describe('how often earnings are looked at'),
});

/** The main function of a process that serves one model or several: for money if it is given a ledger. */
export const runModels = (names: readonly ModelName[] = modelNames): Promise<void> =>
  runApp(names.length === 1 ? `models/${names[0]}` : 'models', async (logger) => {
    const config = loadConfig(schema);
    const host = config.MODELS_HOST;
    const registry = createMetrics('models');
    const ports = await portsOf(names, {
      moderation: config.MODERATION_PORT,
      ocr: config.OCR_PORT,
      superres: config.SUPERRES_PORT,
      language: config.LANGUAGE_PORT,
      entities: config.ENTITIES_PORT,
    });
    const { DATABASE_URL: databaseUrl, CLAIM_AMOUNT: amount, CLAIM_AFTER_SEC: ageSec } = config;
    const home = weftHome();
    const provider =
      databaseUrl === undefined
        ? undefined
        : await Provider.open({
            home,
            marketplace: await readMarketplace(home),
            databaseUrl,
            policy: { ...(amount === undefined ? {} : { amount }), ...(ageSec === undefined ? {} : { ageSec }) },
            settleEveryMs: config.CLAIM_EVERY_MS,
            onError: (error) => logger.warn({ err: error }, 'the paywall met a problem in the background'),
          });
    const paywall = await provider?.offer(
      names.map((name) => {
        const { definition, prices, docs } = modelNamed(name);
        return {
          definition,
          owner: modelNames.indexOf(name),
          files: loadDescriptorSet(),
          service: definition.fullName,
          prices,
          endpoints: [`grpc://${host}:${ports[name]}`],
          docs: { ...docs, tags: [...docs.tags], methods: { ...docs.methods } },
        };
      }),
    );
    const { running, close } = await startModels({
      names,
      host,
      ports,
      interceptors: [measureCalls(registry)],
      ...(paywall === undefined ? {} : { mount: (app) => paywall.mount(app) }),
      // Nest says a dozen lines for each app about how it was put together.
      logger: nestLogger(logger.child({}, { level: 'warn' })),
    });
    const loading = new Set<string>(names);
    const metrics = await startMetricsServer({
      registry,
      host,
      port: config.METRICS_PORT,
      isHealthy: () => loading.size === 0,
    });
    const startedAtMs = performance.now();
    const loaded = running.map(async ({ service, loaded: one }) => {
      await one;
      loading.delete(service.name);
      logger.info({ model: service.name, loadedMs: Math.round(performance.now() - startedAtMs) }, 'model loaded');
    });
    // Nobody is to find what does not answer yet.
    await Promise.all(loaded);
    await provider?.announce();
    return {
      ready: {
        addresses: Object.fromEntries(running.map(({ service, app }) => [service.name, app.address])),
        metrics: metrics.url,
      },
      async close() {
        await close();
        await provider?.close();
        await metrics.close();
      },
    };
  });

/** Fixed before anything starts, since a listing names its endpoint. */
async function portsOf(
  names: readonly ModelName[],
  wanted: Readonly<Record<ModelName, number>>,
): Promise<Record<ModelName, number>> {
  const ports = { ...wanted };
  for (const name of names) if (ports[name] === 0) ports[name] = await freePort();
  return ports;
}
