import { type DynamicModule, type LoggerService, Module } from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Market } from '#client/select.js';
import { describeApi } from './describe-api.js';
import { HealthController } from './health/health.controller.js';
import { Health } from './health/health.js';
import { ErrorFilter, earlyErrors } from './http/error-filter.js';
import { originCheck } from './http/origin-check.js';
import { type Rate, rateLimit, TokenBuckets } from './http/rate-limit.js';
import { securityHeaders } from './http/security-headers.js';
import { validationPipe } from './http/validate.js';
import { authenticate, callerOf } from './keys/authenticate.js';
import { KeyStore } from './keys/key-store.js';
import { KeysController } from './keys/keys.controller.js';
import { ScopeGuard } from './keys/scope-guard.js';
import { ListingsController } from './market/listings.controller.js';
import { MARKET } from './market/market-token.js';
import { QuotesController } from './market/quotes.controller.js';
import { Pipelines } from './runs/pipeline.js';
import { PipelinesController } from './runs/pipelines.controller.js';
import { RunsController } from './runs/runs.controller.js';
import { Runs } from './runs/runs.js';

export interface GatewayOptions {
  readonly keys: KeyStore;
  readonly market: Market;
  readonly health: Health;
  readonly runs: Runs;
  readonly pipelines: Pipelines;
  /** Where it is reached besides loopback. */
  readonly publicUrls: readonly string[];
  /** Addresses or ranges of proxies, whose X-Forwarded-For says for whom they ask. Nobody else's is believed. */
  readonly trustedProxies: readonly string[];
  /** For one address, known or not. */
  readonly addressRate: Rate;
  /** For one key from one address. */
  readonly keyRate: Rate;
  /** Default: warnings and errors on stdout, as Nest writes them. */
  readonly logger?: LoggerService;
}

@Module({})
class GatewayModule {
  static with(options: GatewayOptions): DynamicModule {
    return {
      module: GatewayModule,
      controllers: [
        ListingsController,
        QuotesController,
        PipelinesController,
        RunsController,
        HealthController,
        KeysController,
      ],
      providers: [
        { provide: KeyStore, useValue: options.keys },
        { provide: MARKET, useValue: options.market },
        { provide: Health, useValue: options.health },
        { provide: Pipelines, useValue: options.pipelines },
        { provide: Runs, useValue: options.runs },
        { provide: APP_GUARD, useClass: ScopeGuard },
      ],
    };
  }
}

/** Pictures of 16 MiB in base64, and their envelope. */
const MAX_RUN_BODY = 24 * 1024 * 1024;
const MAX_BODY = 64 * 1024;

/** The application, not yet listening. The order matters: cheap checks first, a body is read for known callers only. */
export async function createGateway(options: GatewayOptions): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(GatewayModule.with(options), {
    bodyParser: false,
    abortOnError: false,
    logger: options.logger ?? ['error', 'warn'],
    // Watchers of runs would keep a closing server open for as long as their runs last.
    forceCloseConnections: true,
  });
  app.set('trust proxy', options.trustedProxies);
  const addresses = new TokenBuckets(options.addressRate);
  const callers = new TokenBuckets(options.keyRate);
  app.use(securityHeaders);
  app.use(originCheck(options.publicUrls));
  app.use(rateLimit(addresses, (request) => request.ip ?? ''));
  app.use(authenticate(options.keys));
  app.use(
    '/v1',
    rateLimit(callers, (request) => `${callerOf(request).name} ${request.ip}`),
  );
  app.useBodyParser('json', { limit: MAX_RUN_BODY, type: (request) => isJson(request) && isRunStart(request) });
  app.useBodyParser('json', { limit: MAX_BODY, type: (request) => isJson(request) && !isRunStart(request) });
  app.use(earlyErrors);
  app.useGlobalPipes(validationPipe());
  app.useGlobalFilters(new ErrorFilter());
  describeApi(app);
  return app;
}

type Incoming = { readonly url?: string; readonly headers: { readonly 'content-type'?: string } };
const isJson = (request: Incoming): boolean => /^application\/json\b/i.test(request.headers['content-type'] ?? '');
const isRunStart = (request: Incoming): boolean => /^\/v1\/runs\/?(\?|$)/.test(request.url ?? '');
