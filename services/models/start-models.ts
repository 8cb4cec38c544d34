import type { ServerInterceptor } from '@grpc/grpc-js';
import { type GrpcApp, type GrpcAppOptions, startGrpcApp } from '#platform/grpc/start-grpc-app.js';
import { type ModelName, type ModelService, modelNamed, modelNames } from './models.js';
import { MAX_IMAGE_BYTES } from './shared/limits.js';
import { Model } from './shared/model.js';

export interface StartModelsOptions {
  /** Default: all. */
  readonly names?: readonly ModelName[];
  readonly host?: string;
  /** The system chooses those that are missing. */
  readonly ports?: Partial<Record<ModelName, number>>;
  /** What stands in front of a service, for example `paywall.mount`. */
  readonly mount?: (app: GrpcAppOptions, service: ModelService) => GrpcAppOptions;
  /** Nearest to the wire, before whatever `mount` adds. */
  readonly interceptors?: readonly ServerInterceptor[];
  readonly logger?: GrpcAppOptions['logger'];
}

export interface RunningModel {
  readonly service: ModelService;
  readonly app: GrpcApp;
  /** Resolves when the model is loaded and health says so; rejects when it cannot be loaded. */
  readonly loaded: Promise<void>;
}

export interface RunningModels {
  readonly running: readonly RunningModel[];
  close(): Promise<void>;
}

/** Serves shipped models, each on a port of its own. They are up at once and load meanwhile, NOT_SERVING until then. */
export async function startModels(options: StartModelsOptions = {}): Promise<RunningModels> {
  const services = (options.names ?? modelNames).map(modelNamed);
  const started = await Promise.allSettled(services.map((service) => startModel(service, options)));
  const running = started.filter((each) => each.status === 'fulfilled').map((each) => each.value);
  const close = async () => {
    await Promise.all(running.map(({ app }) => app.close()));
  };
  const failed = started.find((each) => each.status === 'rejected');
  if (failed === undefined) return { running, close };
  await close();
  throw failed.reason;
}

async function startModel(service: ModelService, options: StartModelsOptions): Promise<RunningModel> {
  const { mount = (app) => app, interceptors = [], ports, host, logger } = options;
  const plain: GrpcAppOptions = {
    module: await service.module(),
    definitions: [service.definition],
    port: ports?.[service.name] ?? 0,
    // A picture that is a little too large gets a clear answer from the service itself.
    maxMessageBytes: MAX_IMAGE_BYTES + 2 ** 20,
    ...(host !== undefined && { host }),
    ...(logger !== undefined && { logger }),
  };
  const mounted = mount(plain, service);
  const app = await startGrpcApp({ ...mounted, interceptors: [...interceptors, ...(mounted.interceptors ?? [])] });
  app.health.set(service.definition.fullName, false);
  const loaded = app.app
    .get(Model)
    .load()
    .then(() => app.health.set(service.definition.fullName, true));
  // Whoever does not wait for it learns of a failure from health.
  loaded.catch(() => {});
  return { service, app, loaded };
}
