import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Controller, Module } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { Directory } from '#client/listing/directory.js';
import { type Offer, type PublishedListing, type Publisher, publishListing } from '#client/listing/publish.js';
import { send } from '#contracts/chain.js';
import { fromHex } from '#core/hex.js';
import type { Price } from '#core/price.js';
import { SigningKey } from '#payments/signature.js';
import type { Domain } from '#payments/typed-data.js';
import { loadDescriptorSet } from '#platform/grpc/descriptor-set.js';
import { type GrpcApp, startGrpcApp } from '#platform/grpc/start-grpc-app.js';
import { LanguageServiceDefinition } from '#protos/models/language/v1/language.js';
import { type RegistryApp, type RegistryOptions, startRegistry } from '#services/registry/registry-app.js';
import { startChain } from './chain.js';
import { createDatabase } from './database.js';
import { onEnd } from './on-end.js';
import { once } from './once.js';
import { tempDir } from './temp-dir.js';

export const LANGUAGE = 'models.language.v1.LanguageService';
export const IDENTIFY = `${LANGUAGE}/Identify`;

@Controller()
class LanguageController {
  @GrpcMethod('LanguageService', 'Identify')
  identify() {
    return { language: 'en', confidence: 1, candidates: [] };
  }
}

@Module({ controllers: [LanguageController] })
class LanguageModule {}

const identifyOnly = {
  ...LanguageServiceDefinition,
  methods: { identify: LanguageServiceDefinition.methods.identify },
};

/** A server of the language contract, without a paywall: enough to be listed. */
export const startLanguage = (options: { port?: number; descriptorSet?: Uint8Array } = {}): Promise<GrpcApp> =>
  startGrpcApp({ module: LanguageModule, definitions: [identifyOnly], graceMs: 100, ...options });

export const fixed = (method: string, rate: bigint): Price => ({
  method,
  kind: 'fixed',
  unit: '',
  rate,
  per: 1n,
  maxAmount: rate,
});

export const languageOffer = (endpoint: string, change: Partial<Offer> = {}): Offer => ({
  files: loadDescriptorSet(),
  service: LANGUAGE,
  prices: [fixed(IDENTIFY, 5n)],
  endpoints: [endpoint],
  docs: { title: 'Language id', summary: 'Tells which language a text is in.', tags: ['language', 'text'] },
  ...change,
});

export type MarketPublisher = Publisher & { readonly directory: Directory };

/** A chain, a registry on a database of its own, and what publishes there. */
export async function startMarket(change: Partial<RegistryOptions> = {}) {
  const chain = await startChain();
  const databaseUrl = await createDatabase();
  const { deployment, rpcUrl } = chain;
  const start = (more: Partial<RegistryOptions> = {}): Promise<RegistryApp> =>
    startRegistry({
      databaseUrl,
      rpcUrl,
      deployment,
      allowPrivateEndpoints: true,
      visitEverySec: 3_600,
      ...change,
      ...more,
    });
  const started = await start();
  const registry = { ...started, close: once(() => started.close()) };
  const directory = new Directory(registry.address);
  const domain: Domain = { chainId: deployment.chainId, verifyingContract: fromHex(deployment.assets, 'assets', 20) };
  const escrow = fromHex(deployment.escrow, 'escrow', 20);
  const owner = chain.account(1);
  const dir = tempDir();

  /** A publisher of one offer, with keys and state of its own. */
  const newPublisher = (more: Partial<MarketPublisher> = {}): MarketPublisher => ({
    assets: chain.assets,
    domain,
    escrow,
    owner: { address: owner.address, send: (transaction) => send(owner, transaction) },
    operator: new SigningKey(randomBytes(32)),
    directory,
    stateFile: join(dir, `${randomBytes(6).toString('hex')}.json`),
    ...more,
  });

  const stop = once(async () => {
    directory.close();
    await registry.close();
    await chain.stop();
  });
  // Also when a spec fails before it comes to its end.
  onEnd(stop);

  return {
    chain,
    databaseUrl,
    registry,
    directory,
    domain,
    escrow,
    owner,
    start,
    newPublisher,
    publish: (offer: Offer, publisher = newPublisher()): Promise<PublishedListing> => publishListing(publisher, offer),
    stop,
  };
}

export type Market = Awaited<ReturnType<typeof startMarket>>;
