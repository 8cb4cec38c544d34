import { z } from 'zod';
import { loadConfig, port } from '#platform/config.js';
import { nestLogger } from '#platform/logging.js';
import { createMetrics, measureCalls, startMetricsServer } from '#platform/metrics.js';
import { runApp } from '#platform/run-app.js';
import { type ModelName, modelNames } from './models.js';
import { startModels } from './start-models.js';

const schema = z.object({
  MODELS_HOST: z.string().default('127.0.0.1').describe('address to listen on'),
  MODERATION_PORT: port().default(0),
  OCR_PORT: port().default(0),
  SUPERRES_PORT: port().default(0),
  LANGUAGE_PORT: port().default(0),
  ENTITIES_PORT: port().default(0),
  METRICS_PORT: port().default(0),
});

/** The main function of a process that serves one model or several, without a paywall in front of them. */
export const runModels = (names: readonly ModelName[] = modelNames): Promise<void> =>
  runApp(names.length === 1 ? `models/${names[0]}` : 'models', async (logger) => {
    const config = loadConfig(schema);
    const host = config.MODELS_HOST;
    const registry = createMetrics('models');
    const startedAtMs = performance.now();
    const { running, close } = await startModels({
      names,
      host,
      ports: {
        moderation: config.MODERATION_PORT,
        ocr: config.OCR_PORT,
        superres: config.SUPERRES_PORT,
        language: config.LANGUAGE_PORT,
        entities: config.ENTITIES_PORT,
      },
      interceptors: [measureCalls(registry)],
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
    for (const { service, loaded } of running)
      loaded.then(
        () => {
          loading.delete(service.name);
          logger.info({ model: service.name, loadedMs: Math.round(performance.now() - startedAtMs) }, 'model loaded');
        },
        (error) => logger.error({ model: service.name, err: error }, 'model not loaded'),
      );
    return {
      ready: {
        addresses: Object.fromEntries(running.map(({ service, app }) => [service.name, app.address])),
        metrics: metrics.url,
      },
      async close() {
        await close();
        await metrics.close();
      },
    };
  });
