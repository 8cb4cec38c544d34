import { type LoggerService, Module } from '@nestjs/common';
import { Gauge, type Registry } from 'prom-client';
import { openEndpoint } from '#client/listing/endpoint.js';
import type { Marketplace } from '#client/marketplace.js';
import { LocalWallet, type LocalWalletOptions } from '#payments/payer/local-wallet.js';
import { noLimits } from '#payments/payer/tokens.js';
import { chainSafety } from '#platform/chain-settings.js';
import { startGrpcApp } from '#platform/grpc/start-grpc-app.js';
import { callTimes, measureCalls } from '#platform/metrics.js';
import { WalletServiceDefinition } from '#protos/weft/wallet/v1/wallet.js';
import type { WalletConfig } from './wallet-config.js';
import { CALL_TIMES, WalletController } from './wallet-controller.js';
import { openKeys } from './wallet-keys.js';

export interface RunningWallet {
  /** "127.0.0.1:50051" */
  readonly address: string;
  readonly wallet: LocalWallet;
  /** Answers what is under way, writes what is left. */
  close(): Promise<void>;
}

export interface StartWalletOptions {
  readonly home: string;
  readonly marketplace: Pick<Marketplace, 'chainId' | 'rpcUrl' | 'contracts' | 'allowPrivateEndpoints'>;
  readonly config: WalletConfig;
  readonly metrics: Registry;
  readonly logger: LoggerService;
  readonly policy?: LocalWalletOptions['policy'];
}

/** The wallet process: opens keys and ledger and answers on loopback alone, since a token in the clear protects nothing elsewhere. */
export async function startWallet(options: StartWalletOptions): Promise<RunningWallet> {
  const { home, marketplace, config, metrics, logger, policy } = options;
  const { contracts, allowPrivateEndpoints } = marketplace;
  const keys = openKeys(home, config.WEFT_WALLET_PASSWORD_FILE);
  const wallet = await LocalWallet.open({
    databaseUrl: config.DATABASE_URL,
    key: keys.payer,
    channelSeed: keys.channelSeed,
    chain: {
      rpcUrl: marketplace.rpcUrl,
      chainId: BigInt(marketplace.chainId),
      escrow: contracts.escrow,
      assets: contracts.assets,
      token: contracts.token,
      licences: contracts.licences,
      jobs: contracts.jobs,
      ...chainSafety(config),
      fromBlock: config.WEFT_CHAIN_FROM_BLOCK ?? contracts.blockNumber ?? 0,
    },
    openEndpoint: (endpoint) => openEndpoint(endpoint, { allowPrivate: allowPrivateEndpoints }),
    warn: (message, details) => logger.warn({ msg: message, ...details }),
    ...(policy && { policy }),
  });
  try {
    await wallet.tokens.keep('admin', keys.tokens.admin, 'ADMIN', noLimits);
    await wallet.tokens.keep('spend', keys.tokens.spend, 'SPEND', noLimits);
    measure(wallet, metrics);

    const times = callTimes(metrics);

    @Module({
      controllers: [WalletController],
      providers: [
        { provide: LocalWallet, useValue: wallet },
        { provide: CALL_TIMES, useValue: times },
      ],
    })
    class WalletModule {}

    const app = await startGrpcApp({
      module: WalletModule,
      definitions: [WalletServiceDefinition],
      interceptors: [measureCalls(times)],
      smallFramesPerSec: SMALL_FRAMES_PER_SEC,
      host: '127.0.0.1',
      port: config.WEFT_PORT,
      logger,
    });
    return {
      address: app.address,
      wallet,
      async close() {
        app.app.get(WalletController).close();
        await app.close();
        await wallet.close();
      },
    };
  } catch (error) {
    await wallet.close();
    throw error;
  }
}

/** Each question on a stream is one, and they come as fast as a worker makes calls. */
const SMALL_FRAMES_PER_SEC = 20_000;

function measure(wallet: LocalWallet, registry: Registry): void {
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  gauge('weft_wallet_open_calls', 'Calls whose end is not known yet', () => wallet.figures().openCalls);
  gauge('weft_wallet_open_quotes', 'Quotes under which calls may be signed', () => wallet.figures().openQuotes);
  gauge('weft_wallet_ledger_writable', '1 while the last write to the ledger worked', () =>
    wallet.figures().isWritable ? 1 : 0,
  );
}
