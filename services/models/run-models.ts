import { z } from 'zod';
import { readMarketplace } from '#client/marketplace.js';
import { jobPolicies } from '#paywall/limits.js';
import { chainSafety, chainSettings } from '#platform/chain-settings.js';
import { loadConfig, port } from '#platform/config.js';
import { loadDescriptorSet } from '#platform/grpc/descriptor-set.js';
import { weftHome } from '#platform/home.js';
import { freePort } from '#platform/local/free-port.js';
import { nestLogger } from '#platform/logging.js';
import { callTimes, createMetrics, measureCalls, startMetricsServer } from '#platform/metrics.js';
import { runApp } from '#platform/run-app.js';
import { ancestorsOf, builtFrom } from './lineage.js';
import { type ModelName, modelNamed, modelNames } from './models.js';
import { ownerOf } from './owners.js';
import { Provider, parentsOf } from './provider/provider.js';
import { startModels } from './start-models.js';

const schema = z.object({
  WEFT_HOST: z.string().default('127.0.0.1').describe('address to listen on'),
  WEFT_MODERATION_PORT: port().default(0),
  WEFT_OCR_PORT: port().default(0),
  WEFT_SUPERRES_PORT: port().default(0),
  WEFT_LANGUAGE_PORT: port().default(0),
  WEFT_ENTITIES_PORT: port().default(0),
  WEFT_METRICS_PORT: port().default(0),
  DATABASE_URL: z
    .url()
    .optional()
    .describe('of the ledger, to sell the services on the marketplace of WEFT_HOME; without it they are free'),
  ...chainSettings,
  WEFT_MAX_BLOCK_AGE_SEC: z.coerce
    .number()
    .int()
    .min(1)
    .optional()
    .describe('credits nothing new while the newest block is older; not for a chain that makes no empty blocks'),
  WEFT_WITNESS_RPC_URL: z.url().optional().describe('a second node that must show the same before money counts'),
  WEFT_CLAIM_AMOUNT: z.coerce.bigint().optional().describe('minor units on a channel that are worth a claim'),
  WEFT_CLAIM_AFTER_SEC: z.coerce.number().int().min(1).optional().describe('age of earnings at which they are claimed'),
  WEFT_ANCHOR_RECEIPTS: z.coerce.number().int().min(1).optional().describe('receipts that are worth an epoch'),
  WEFT_ANCHOR_AFTER_SEC: z.coerce
    .number()
    .int()
    .min(1)
    .optional()
    .describe('age of receipts at which they are anchored'),
  WEFT_JOBS: z
    .enum(jobPolicies)
    .default('any')
    .describe('which jobs are served: any, others (not those that their client evaluates himself), none'),
  WEFT_CLAIM_EVERY_MS: z.coerce.number().int().min(100).default(15_000).describe('how often earnings are looked at'),
});

/** The main function of a process that serves one model or several: for money if it is given a ledger. */
export const runModels = (names: readonly ModelName[] = modelNames): Promise<void> =>
  runApp(names.length === 1 ? `models/${names[0]}` : 'models', async (logger) => {
    const config = loadConfig(schema);
    const host = config.WEFT_HOST;
    const registry = createMetrics('models');
    const ports = await portsOf(names, {
      moderation: config.WEFT_MODERATION_PORT,
      ocr: config.WEFT_OCR_PORT,
      superres: config.WEFT_SUPERRES_PORT,
      language: config.WEFT_LANGUAGE_PORT,
      entities: config.WEFT_ENTITIES_PORT,
    });
    const { DATABASE_URL: databaseUrl, WEFT_CLAIM_AMOUNT: amount, WEFT_CLAIM_AFTER_SEC: ageSec } = config;
    const { WEFT_ANCHOR_RECEIPTS: receipts, WEFT_ANCHOR_AFTER_SEC: anchorAfterSec } = config;
    const home = weftHome();
    const provider =
      databaseUrl === undefined
        ? undefined
        : await Provider.open({
            home,
            marketplace: await readMarketplace(home),
            databaseUrl,
            safety: chainSafety(config),
            credit: { maxBlockAgeSec: config.WEFT_MAX_BLOCK_AGE_SEC, witnessRpcUrl: config.WEFT_WITNESS_RPC_URL },
            policy: { ...(amount === undefined ? {} : { amount }), ...(ageSec === undefined ? {} : { ageSec }) },
            anchorPolicy: {
              ...(receipts === undefined ? {} : { receipts }),
              ...(anchorAfterSec === undefined ? {} : { ageSec: anchorAfterSec }),
            },
            settleEveryMs: config.WEFT_CLAIM_EVERY_MS,
            jobs: config.WEFT_JOBS,
            onError: (error) => logger.warn({ err: error }, 'the paywall met a problem in the background'),
          });
    const needed = ancestorsOf(names).map((each) => ({ ...each, owner: ownerOf(each.name) }));
    const ancestorIds = (await provider?.mintAncestors(needed)) ?? new Map<string, bigint>();
    const paywall = await provider?.offer(
      names.map((name) => {
        const { definition, prices, docs } = modelNamed(name);
        return {
          definition,
          owner: ownerOf(name),
          files: loadDescriptorSet(),
          service: definition.fullName,
          prices,
          parents: parentsOf(builtFrom[name] ?? {}, ancestorIds),
          endpoints: [`grpc://${host}:${ports[name]}`],
          docs: { ...docs, tags: [...docs.tags], methods: { ...docs.methods } },
        };
      }),
    );
    const { running, close } = await startModels({
      names,
      host,
      ports,
      interceptors: [measureCalls(callTimes(registry))],
      ...(paywall === undefined ? {} : { mount: (app) => paywall.mount(app) }),
      // Nest says a dozen lines for each app about how it was put together.
      logger: nestLogger(logger.child({}, { level: 'warn' })),
    });
    const loading = new Set<string>(names);
    const metrics = await startMetricsServer({
      registry,
      host,
      port: config.WEFT_METRICS_PORT,
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
