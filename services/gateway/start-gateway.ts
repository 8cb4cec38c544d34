import type { LoggerService } from '@nestjs/common';
import { defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import { openMarket } from '#client/market.js';
import type { Marketplace } from '#client/marketplace.js';
import { connectTemporal } from '#client/temporal/connect-temporal.js';
import { payloadsOf } from '#client/temporal/payloads.js';
import { temporalSecurity } from '#platform/temporal-settings.js';
import { createGateway } from './gateway-app.js';
import type { GatewayConfig } from './gateway-config.js';
import { Health } from './health/health.js';
import { gatewayFolder, KeyStore } from './keys/key-store.js';
import { Pipelines } from './runs/pipeline.js';
import { Runs } from './runs/runs.js';
import { shippedPipelines } from './runs/shipped-pipelines.js';

export interface RunningGateway {
  /** "http://127.0.0.1:8080" */
  readonly url: string;
  /** Watchers are let go, requests under way are answered. */
  close(): Promise<void>;
}

/** Under a second of them in all: somebody waits for the answer, and is told that Temporal is down. */
const fewRetries = makeGrpcRetryInterceptor(defaultGrpcRetryOptions({ maxAttempts: 3 }));

/** A bucket holds what comes back in so many seconds. */
const BURST_SEC = 4;

export async function startGateway(
  home: string,
  marketplace: Marketplace,
  config: GatewayConfig,
  logger?: LoggerService,
): Promise<RunningGateway> {
  const { temporal, taskQueue, registry, wallet, rpcUrl } = marketplace;
  const keys = KeyStore.open(gatewayFolder(home));
  const client = await connectTemporal({
    ...temporal,
    payloads: payloadsOf(home, marketplace),
    connection: { ...temporalSecurity(config), interceptors: [fewRetries] },
  });
  const market = openMarket(marketplace);
  const pipelines = new Pipelines(shippedPipelines);
  const rate = (perSec: number) => ({ perSec, burst: perSec * BURST_SEC });
  const app = await createGateway({
    keys,
    market,
    pipelines,
    runs: new Runs({ client, pipelines, taskQueue, address: temporal.address }),
    health: new Health({ market, temporal: client, taskQueue, registry, wallet, rpcUrl }),
    publicUrls: config.WEFT_PUBLIC_URLS,
    trustedProxies: config.WEFT_TRUSTED_PROXIES,
    addressRate: rate(config.WEFT_ADDRESS_RATE),
    keyRate: rate(config.WEFT_KEY_RATE),
    ...(logger === undefined ? {} : { logger }),
  });
  const close = async () => {
    await app.close();
    market.close();
    await client.connection.close();
  };
  try {
    await app.listen(config.WEFT_PORT, config.WEFT_HOST);
  } catch (error) {
    await close();
    throw error;
  }
  return { url: await app.getUrl(), close };
}
