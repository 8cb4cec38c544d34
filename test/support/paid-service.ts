import { randomBytes } from 'node:crypto';
import type { Client } from '@grpc/grpc-js';
import { type JsonRpcProvider, Wallet } from 'ethers';
import type pg from 'pg';
import { mintedAsset } from '#contracts/assets.js';
import { send } from '#contracts/chain.js';
import { fromHex, toHex } from '#core/hex.js';
import type { Price } from '#core/price.js';
import { BodyStore } from '#payments/provider/body-store.js';
import { ChainView } from '#payments/provider/chain-view.js';
import { ProviderLedger, providerMigrations } from '#payments/provider/provider-ledger.js';
import { connect } from '#payments/rpc/connect.js';
import { SigningKey } from '#payments/signature.js';
import { hashListing, type Listing } from '#payments/typed-data.js';
import { createPaywall, type PaywallOptions } from '#paywall/create-paywall.js';
import type { PaywallLimits } from '#paywall/limits.js';
import { migrate } from '#platform/db/migrate.js';
import { createPool } from '#platform/db/pool.js';
import { startGrpcApp } from '#platform/grpc/start-grpc-app.js';
import type { Chain } from './chain.js';
import { EchoDefinition, type EchoHandlers, echoDescriptors, echoHandlers, echoModule, Text } from './echo-service.js';
import { domainOf, newCall } from './paying.js';
import { tempDir } from './temp-dir.js';

const SERVICE = EchoDefinition.fullName;
export const SAY = `${SERVICE}/Say`;
export const COUNT = `${SERVICE}/Count`;
export const PEEK = `${SERVICE}/Peek`;
export const FLOW = `${SERVICE}/Flow`;

export const MIN_CHANNEL = 1_000n;

const prices: Price[] = [
  { method: SAY, kind: 'fixed', unit: '', rate: 100n, per: 1n, maxAmount: 100n },
  { method: COUNT, kind: 'metered', unit: 'character', rate: 3n, per: 10n, maxAmount: 60n },
  { method: PEEK, kind: 'free', unit: '', rate: 0n, per: 1n, maxAmount: 0n },
  { method: FLOW, kind: 'metered', unit: 'character', rate: 1n, per: 1n, maxAmount: 1_000n },
];

export const text = (value: string): Uint8Array => Text.encode({ text: value }).finish();
export const textOf = (bytes: Uint8Array | undefined): string => Text.decode(bytes!).text;

/** An asset with its listing in force. `operatorWallet` is the operator's key as an account that can pay for gas. */
export async function publishEcho(chain: Chain, owner = chain.account(1), change: Partial<Listing> = {}) {
  const secret = randomBytes(32);
  const operator = new SigningKey(secret);
  const operatorWallet = new Wallet(toHex(secret), chain.provider);
  await chain.provider.send('anvil_setBalance', [operatorWallet.address, '0xde0b6b3a7640000']);
  const receipt = await send(owner, chain.assets.mint({ operator: operator.address }));
  const asset = mintedAsset(receipt, chain.deployment.assets);
  const listing = await publishVersion(chain, asset, { version: 1, ...change }, owner);
  return { asset, operator, operatorWallet, listing };
}

export async function publishVersion(
  chain: Chain,
  asset: bigint,
  change: Partial<Listing>,
  owner = chain.account(1),
): Promise<Listing> {
  const listing: Listing = {
    asset,
    tenure: 1,
    version: 1,
    previous: new Uint8Array(32),
    contractDigest: new Uint8Array(32),
    prices,
    endpoints: ['grpc://127.0.0.1:1'],
    docsDigest: new Uint8Array(32),
    escrow: fromHex(chain.deployment.escrow, 'escrow', 20),
    minChannel: MIN_CHANNEL,
    honourSec: 3_600,
    retainSec: 86_400,
    publishedAtSec: await chain.nowSec(),
    ...change,
  };
  await send(owner, chain.assets.publish(asset, hashListing(listing), listing.version));
  return listing;
}

/** What a provider needs to know of a chain. */
export type ChainLink = Pick<Chain, 'provider' | 'rpcUrl' | 'deployment'>;

export interface PaidServiceOptions {
  readonly chain: ChainLink;
  readonly databaseUrl: string;
  readonly listing: Listing;
  readonly operator: SigningKey;
  /** Those of the listing's digest. */
  readonly docs?: Uint8Array;
  readonly superseded?: readonly Listing[];
  readonly handlers?: Partial<EchoHandlers>;
  readonly limits?: Partial<PaywallLimits>;
  readonly anchorAfterSec?: number;
  readonly onStage?: PaywallOptions['onStage'];
  readonly confirmations?: number;
  readonly maxBlockAgeSec?: number;
  readonly witness?: JsonRpcProvider;
  readonly bodies?: string;
  readonly port?: number;
  readonly maxMessageBytes?: number;
}

export async function openProviderDatabase(url: string): Promise<pg.Pool> {
  await migrate(url, { folder: providerMigrations, schema: 'provider' });
  return createPool(url, { max: 8 });
}

const silent = { log() {}, error() {}, warn() {}, fatal() {} };

/** A paywalled service as a provider runs it: real server, ledger, chain. */
export async function startPaidService(options: PaidServiceOptions) {
  const { chain, listing, operator } = options;
  const pool = await openProviderDatabase(options.databaseUrl);
  const bodies = options.bodies ?? tempDir();
  const view = new ChainView({
    provider: chain.provider,
    rpcUrl: chain.rpcUrl,
    chainId: chain.deployment.chainId,
    escrow: chain.deployment.escrow,
    assets: chain.deployment.assets,
    licences: chain.deployment.licences,
    jobs: chain.deployment.jobs,
    confirmations: options.confirmations ?? 0,
    maxBlockAgeSec: options.maxBlockAgeSec,
    witness: options.witness,
  });
  const { chainId, verifyingContract: escrow } = domainOf(chain);
  const ledger = await ProviderLedger.open(pool, new BodyStore(bodies), {
    chainId,
    escrow,
    birth: () => view.newestBlock(),
  });
  const errors: unknown[] = [];
  const paywall = await createPaywall({
    chainId,
    escrow,
    token: fromHex(chain.deployment.token, 'token', 20),
    offers: [
      {
        service: EchoDefinition,
        listing,
        operator,
        superseded: options.superseded ?? [],
        ...(options.docs && { docs: options.docs }),
      },
    ],
    ledger,
    chain: view,
    limits: { rereadChannelMs: 20, unknownChannelMs: 50, licenceMs: 200, gateMs: 300, ...options.limits },
    onError: (error) => errors.push(error),
    anchorAfterSec: options.anchorAfterSec,
    ...(options.onStage && { onStage: options.onStage }),
  });
  const calls: string[] = [];
  const handlers: EchoHandlers = { ...echoHandlers(), ...options.handlers };
  const app = await startGrpcApp(
    paywall.mount({
      module: echoModule(handlers, calls),
      definitions: [EchoDefinition],
      descriptorSet: echoDescriptors,
      graceMs: 200,
      port: options.port ?? 0,
      logger: silent,
      ...(options.maxMessageBytes !== undefined && { maxMessageBytes: options.maxMessageBytes }),
    }),
  );
  const client: Client = connect(app.address);
  const digest = hashListing(listing);
  return {
    app,
    client,
    paywall,
    ledger,
    pool,
    view,
    /** Texts that handlers were called with. */
    calls,
    errors,
    handlers,
    digest,
    listing,
    operator,
    call: (method: string, request: Uint8Array, maxAmount: bigint, callId?: Uint8Array) =>
      newCall(digest, method, request, maxAmount, callId),
    async stop(): Promise<void> {
      client.close();
      await app.close();
      await paywall.close();
      await pool.end();
    },
  };
}

export type PaidService = Awaited<ReturnType<typeof startPaidService>>;
