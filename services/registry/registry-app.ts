import { type LoggerService, Module } from '@nestjs/common';
import type { Registry as Metrics } from 'prom-client';
import { ListingVerifier } from '#client/listing/verify-listing.js';
import { Assets } from '#contracts/assets.js';
import { chainProvider, checkChain } from '#contracts/chain-provider.js';
import type { Deployment } from '#contracts/deployment.js';
import { WeftError } from '#core/errors.js';
import { fromHex } from '#core/hex.js';
import { migrate } from '#platform/db/migrate.js';
import { createPool } from '#platform/db/pool.js';
import { type GrpcApp, startGrpcApp } from '#platform/grpc/start-grpc-app.js';
import { callTimes, measureCalls } from '#platform/metrics.js';
import { RegistryServiceDefinition } from '#protos/weft/registry/v1/registry.js';
import { Visits } from './health/visits.js';
import { limitRate, type RateLimits } from './limit-rate.js';
import type { ProbeOptions } from './publish/probe-endpoint.js';
import { Publisher } from './publish/publisher.js';
import { REGISTRY_PARTS, RegistryController, type RegistryParts } from './registry.controller.js';
import { ListingStore } from './store/listing-store.js';
import { ChangeFeed } from './watch/change-feed.js';

export interface RegistryOptions {
  readonly databaseUrl: string;
  readonly rpcUrl: string;
  /** Whose listings are taken: of these Assets, paid through this escrow. */
  readonly deployment: Deployment;
  /** Whether endpoints on this machine and in private networks are taken. */
  readonly allowPrivateEndpoints: boolean;
  readonly host?: string;
  /** Default 0: the system chooses. */
  readonly port?: number;
  /** How often endpoints and standing of every listing are looked at; default 30. */
  readonly visitEverySec?: number;
  readonly rate?: RateLimits;
  /** Default: the system's resolver and certificates. */
  readonly endpoints?: Pick<ProbeOptions, 'resolve' | 'tls'>;
  readonly metrics?: Metrics;
  readonly logger?: LoggerService;
}

export interface RegistryApp extends Pick<GrpcApp, 'address' | 'port'> {
  readonly store: ListingStore;
  readonly visits: Visits;
  close(): Promise<void>;
}

/** Much for a person or a pipeline, little for a flood. */
const DEFAULT_RATE: RateLimits = { perSec: 200, burst: 1_000 };
const PROBE_DEADLINE_MS = 5_000;
/** Of an answer: a page of listings. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
/** A contract and a listing at their limits, with room to say that they are beyond them: decoding is not free. */
export const MAX_REQUEST_BYTES = 768 * 1024;

/** Brings the schema up to date and serves `weft.registry.v1`. Works in any number of replicas on one database. */
export async function startRegistry(options: RegistryOptions): Promise<RegistryApp> {
  const { databaseUrl, rpcUrl, deployment, logger } = options;
  const { chainId } = deployment;
  const provider = chainProvider({ rpcUrl, chainId });
  await checkChain(provider, { rpcUrl, chainId }).catch((error: unknown) => {
    // Looking things up works without a chain.
    if (!(error instanceof WeftError && error.retryable)) throw error;
    logger?.warn(error.message);
  });
  await migrate(databaseUrl, { folder: new URL('./store/migrations', import.meta.url), schema: 'registry' });
  const pool = createPool(databaseUrl, { name: 'weft registry' });
  const store = new ListingStore(pool);
  const assets = new Assets(deployment.assets, provider);
  const domain = { chainId, verifyingContract: fromHex(deployment.assets, 'assets', 20) };
  const escrow = fromHex(deployment.escrow, 'escrow', 20);
  const verifier = new ListingVerifier({ assets, domain, escrow, lifetimeMs: 0 });
  const probe: ProbeOptions = {
    ...options.endpoints,
    allowPrivate: options.allowPrivateEndpoints,
    deadlineMs: PROBE_DEADLINE_MS,
  };
  const feed = new ChangeFeed(databaseUrl, store);
  const onError = (error: unknown): void => logger?.error({ msg: 'a visit failed', err: error });
  const visits = new Visits({ store, verifier, probe, everySec: options.visitEverySec ?? 30, onError });
  const publisher = new Publisher({ store, assets, domain, escrow, verifier, probe });
  const app = await startGrpcApp({
    module: moduleOf({ store, publisher, feed, assets }),
    definitions: [RegistryServiceDefinition],
    interceptors: [
      ...(options.metrics === undefined ? [] : [measureCalls(callTimes(options.metrics))]),
      limitRate(options.rate ?? DEFAULT_RATE),
    ],
    maxMessageBytes: MAX_MESSAGE_BYTES,
    maxRequestBytes: MAX_REQUEST_BYTES,
    ...(options.host === undefined ? {} : { host: options.host }),
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(logger === undefined ? {} : { logger }),
  });
  visits.start();
  return {
    address: app.address,
    port: app.port,
    store,
    visits,
    async close() {
      await visits.close();
      await feed.close();
      await app.close();
      await pool.end();
      provider.destroy();
    },
  };
}

function moduleOf(parts: RegistryParts) {
  @Module({ controllers: [RegistryController], providers: [{ provide: REGISTRY_PARTS, useValue: parts }] })
  class RegistryModule {}
  return RegistryModule;
}
