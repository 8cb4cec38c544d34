import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { toQuantity } from 'ethers';
import { databaseUrlFile } from '#cli/up/database-url.js';
import { announceListing, putInForce } from '#client/listing/publish.js';
import { type Marketplace, writeMarketplace } from '#client/marketplace.js';
import { openParts } from '#client/parts.js';
import { Weft } from '#client/weft.js';
import type { Parent } from '#contracts/assets.js';
import { writeDeployment } from '#contracts/deployment.js';
import { toHex } from '#core/hex.js';
import type { Price } from '#core/price.js';
import { RemoteWallet } from '#payments/payer/remote-wallet.js';
import type { Wallet } from '#payments/payer/wallet.js';
import { SigningKey } from '#payments/signature.js';
import { loadDescriptorSet } from '#platform/grpc/descriptor-set.js';
import { freePort } from '#platform/local/free-port.js';
import { createMetrics } from '#platform/metrics.js';
import { writeFileAtomic } from '#platform/secrets.js';
import { ProviderKeys } from '#services/models/provider/provider-keys.js';
import { startWallet } from '#services/wallet/start-wallet.js';
import { walletConfig } from '#services/wallet/wallet-config.js';
import { createDatabase } from './database.js';
import { EchoDefinition, type EchoHandlers, echoDescriptors } from './echo-service.js';
import { type MarketPublisher, startMarket } from './market.js';
import { marketplaceOf } from './nowhere.js';
import { once } from './once.js';
import { COUNT, PEEK, SAY, startPaidService } from './paid-service.js';
import { tempDir } from './temp-dir.js';
import { giveMoney, tokenIn } from './wallet-process.js';

export const ECHO = EchoDefinition.fullName;

/** Sets follow one another as their messages do. */
export const echoFiles = (): Uint8Array => Buffer.concat([echoDescriptors, loadDescriptorSet()]);

const silent = { log() {}, error() {}, warn() {}, fatal() {} };

export const price = (method: string, rate: bigint, more: Partial<Price> = {}): Price => ({
  method,
  kind: 'fixed',
  unit: '',
  rate,
  per: 1n,
  maxAmount: rate,
  ...more,
});

const PRICES = [
  price(SAY, 100n),
  price(COUNT, 3n, { kind: 'metered', unit: 'character', per: 10n, maxAmount: 60n }),
  price(PEEK, 0n, { kind: 'free' }),
];

export interface EchoOffer {
  readonly handlers?: Partial<EchoHandlers>;
  readonly title?: string;
  readonly summary?: string;
  readonly methods?: Readonly<Record<string, string>>;
  /** Default: of Say, Count and Peek. */
  readonly prices?: readonly Price[];
  /** What the asset was built from. */
  readonly parents?: readonly Parent[];
}

/**
 * A chain, a registry, a payer's wallet and paid services that echo, all real: Say costs 100, Count 3 per 10
 * characters and at most 60, Peek is free.
 */
export async function startEchoMarket(first: EchoOffer = {}) {
  const market = await startMarket();
  const { chain } = market;
  const services: { stop(): Promise<void> }[] = [];

  async function offer(
    {
      handlers = {},
      title = 'Echo',
      summary = 'Says it again',
      methods = {},
      prices = PRICES,
      parents = [],
    }: EchoOffer,
    operator = new SigningKey(randomBytes(32)),
    publisher: Partial<MarketPublisher> = {},
  ) {
    const port = await freePort();
    const inForce = await putInForce(market.newPublisher({ operator, ...publisher }), {
      files: echoFiles(),
      service: ECHO,
      prices,
      endpoints: [`grpc://127.0.0.1:${port}`],
      docs: { title, summary, tags: ['text'], methods },
      parents,
    });
    const { listing } = inForce.signed;
    const databaseUrl = await createDatabase();
    const service = await startPaidService({
      chain,
      databaseUrl,
      listing,
      operator,
      handlers,
      port,
      anchorAfterSec: 600,
    });
    services.push(service);
    await announceListing(market.directory, inForce);
    return {
      ...service,
      databaseUrl,
      asset: listing.asset,
      listing: toHex(inForce.digest),
      /** What that digest is of. */
      listed: listing,
    };
  }

  const { chainId, ...contracts } = chain.deployment;
  const parts: Partial<Marketplace> = {
    chainId: Number(chainId),
    rpcUrl: chain.rpcUrl,
    contracts,
    registry: market.registry.address,
    walletTokenFile: 'wallet/spend.token',
  };

  /** A WEFT_HOME with a wallet of its own, whose payer has money. */
  async function openHome() {
    const home = tempDir();
    const running = await startWallet({
      home,
      marketplace: marketplaceOf(parts),
      config: walletConfig.parse({ DATABASE_URL: await createDatabase() }),
      metrics: createMetrics('wallet'),
      logger: silent,
    });
    await giveMoney(chain, running.wallet.payerAddress, 10_000_000n);
    const marketplace = marketplaceOf({ ...parts, wallet: running.address });
    await writeMarketplace(home, marketplace);
    await writeDeployment(join(home, 'contracts.json'), chain.deployment);
    return {
      home,
      marketplace,
      address: running.address,
      payer: running.wallet.payerAddress,
      stop: once(() => running.close()),
    };
  }

  const { home, marketplace, address, payer, stop: stopWallet } = await openHome();
  const connect = (token: string) => new RemoteWallet({ address, token });
  const admin = connect(tokenIn(home, 'admin'));
  const wallet = connect(tokenIn(home, 'spend'));
  // As `weft up` leaves them: claims are made with the home's own key, out of the home's ledger.
  const keys = ProviderKeys.open(home);
  await chain.provider.send('anvil_setBalance', [keys.operator.address, toQuantity(10n ** 18n)]);
  const echo = await offer(first, keys.operatorKey);
  writeFileAtomic(databaseUrlFile(home), echo.databaseUrl);
  return {
    market,
    chain,
    /** WEFT_HOME of it, with the marketplace file. */
    home,
    marketplace,
    /** With the token that programs of the home use; `admin` makes others. */
    wallet,
    /** Its address, "0x…". */
    payer,
    admin,
    connect,
    /** Somebody else at the same market. */
    anotherHome: async () => {
      const other = await openHome();
      services.push(other);
      return other;
    },
    /** The process behind `wallet` and `admin`. */
    stopWallet,
    echo,
    offer,
    /** A client that pays with `payer`, by default without limits of its own. */
    weft: (paying: Wallet = wallet) => new Weft(marketplace, openParts(marketplace, paying), async () => {}),
    async stop(): Promise<void> {
      for (const each of [wallet, admin]) each.close();
      await stopWallet();
      for (const service of services) await service.stop();
      await market.stop();
    },
  };
}

export type EchoMarket = Awaited<ReturnType<typeof startEchoMarket>>;
