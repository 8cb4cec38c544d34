import { randomBytes } from 'node:crypto';
import { Controller, Module } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { Wallet } from 'ethers';
import { Observable } from 'rxjs';
import { announceListing, type Offer, putInForce } from '#client/listing/publish.js';
import { fromHex, toHex } from '#core/hex.js';
import { BodyStore } from '#payments/provider/body-store.js';
import { ChainView } from '#payments/provider/chain-view.js';
import { ProviderLedger } from '#payments/provider/provider-ledger.js';
import { SigningKey } from '#payments/signature.js';
import { createPaywall, type PaywallOptions } from '#paywall/create-paywall.js';
import { reportUnits } from '#paywall/units.js';
import { loadDescriptorSet } from '#platform/grpc/descriptor-set.js';
import { startGrpcApp } from '#platform/grpc/start-grpc-app.js';
import { freePort } from '#platform/local/free-port.js';
import { EntitiesServiceDefinition, type Entity } from '#protos/models/entities/v1/entities.js';
import { createDatabase } from './database.js';
import type { Market } from './market.js';
import { openProviderDatabase } from './paid-service.js';
import { domainOf } from './paying.js';
import { tempDir } from './temp-dir.js';

const SERVICE = EntitiesServiceDefinition.fullName;
export const EXTRACT = `${SERVICE}/Extract`;
export const SENTIMENT = `${SERVICE}/Sentiment`;
export const STREAM = `${SERVICE}/StreamEntities`;

/** What tests may change while it runs: by default every word is an entity, and the score is 0. */
export interface WordsHandlers {
  extract(text: string): Entity[] | Promise<Entity[]>;
}

export interface PaidWordsOptions {
  /** Of one call of Extract; default 100. */
  readonly price?: bigint;
  readonly handlers?: Partial<WordsHandlers>;
  /** Listed before the one where it listens. */
  readonly firstEndpoint?: string;
  readonly onStage?: PaywallOptions['onStage'];
}

/** The entities contract behind a paywall, listed in a market: Extract at a fixed price, StreamEntities by the entity, Sentiment free. */
export async function startPaidWords(market: Market, options: PaidWordsOptions = {}) {
  const { chain } = market;
  const { price = 100n, firstEndpoint } = options;
  const secret = randomBytes(32);
  const publisher = market.newPublisher({ operator: new SigningKey(secret) });
  const operatorWallet = new Wallet(toHex(secret), chain.provider);
  await chain.provider.send('anvil_setBalance', [operatorWallet.address, '0xde0b6b3a7640000']);
  const port = await freePort();
  const offer: Offer = {
    files: loadDescriptorSet(),
    service: SERVICE,
    prices: [
      { method: EXTRACT, kind: 'fixed', unit: '', rate: price, per: 1n, maxAmount: price },
      { method: STREAM, kind: 'metered', unit: 'entity', rate: 10n, per: 1n, maxAmount: 1_000n },
      { method: SENTIMENT, kind: 'free', unit: '', rate: 0n, per: 1n, maxAmount: 0n },
    ],
    endpoints: [...(firstEndpoint === undefined ? [] : [firstEndpoint]), `grpc://127.0.0.1:${port}`],
    docs: { title: 'Words', summary: 'Takes every word for an entity.' },
  };
  const { signed, digest, input } = await putInForce(publisher, offer);
  const { listing } = signed;
  const pool = await openProviderDatabase(await createDatabase());
  const view = new ChainView({
    provider: chain.provider,
    rpcUrl: chain.rpcUrl,
    chainId: chain.deployment.chainId,
    escrow: chain.deployment.escrow,
    assets: chain.deployment.assets,
    licences: chain.deployment.licences,
    jobs: chain.deployment.jobs,
    confirmations: 0,
  });
  const { chainId, verifyingContract: escrow } = domainOf(chain);
  const ledger = await ProviderLedger.open(pool, new BodyStore(tempDir()), {
    chainId,
    escrow,
    birth: () => view.newestBlock(),
  });
  const paywall = await createPaywall({
    chainId,
    escrow,
    token: fromHex(chain.deployment.token, 'token', 20),
    offers: [{ service: EntitiesServiceDefinition, listing, operator: publisher.operator, superseded: [] }],
    ledger,
    chain: view,
    limits: { rereadChannelMs: 20, unknownChannelMs: 50, licenceMs: 0 },
    ...(options.onStage === undefined ? {} : { onStage: options.onStage }),
  });
  const calls: string[] = [];
  const handlers: WordsHandlers = { extract: wordsOf, ...options.handlers };
  const app = await startGrpcApp(
    paywall.mount({
      module: wordsModule(handlers, calls),
      definitions: [EntitiesServiceDefinition],
      port,
      graceMs: 200,
    }),
  );
  await announceListing(market.directory, { digest, input });
  return {
    /** Texts that paid methods were called with. */
    calls,
    handlers,
    listing,
    digest,
    ledger,
    pool,
    view,
    operator: publisher.operator,
    /** The operator's key as an account that can pay for gas. */
    operatorWallet,
    endpoint: `127.0.0.1:${port}`,
    async stop(): Promise<void> {
      await app.close();
      await paywall.close();
      await pool.end();
    },
  };
}

export type PaidWords = Awaited<ReturnType<typeof startPaidWords>>;

const wordsOf = (text: string): Entity[] => text.split(' ').map((word) => ({ type: 'WORD', text: word }));

/** The same service without a paywall, for whoever wants to mount it so. */
export function wordsModule(handlers: WordsHandlers, calls: string[]) {
  @Controller()
  class WordsController {
    @GrpcMethod('EntitiesService', 'Extract')
    async extract({ text }: { text: string }) {
      calls.push(text);
      return { entities: await handlers.extract(text) };
    }

    @GrpcMethod('EntitiesService', 'Sentiment')
    sentiment() {
      return { score: 0 };
    }

    @GrpcMethod('EntitiesService', 'StreamEntities')
    stream({ text }: { text: string }) {
      calls.push(text);
      return new Observable<{ entity: Entity }>((out) => {
        for (const entity of wordsOf(text)) {
          reportUnits(1);
          out.next({ entity });
        }
        out.complete();
      });
    }
  }

  @Module({ controllers: [WordsController] })
  class WordsModule {}
  return WordsModule;
}
