import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Marketplace, readWalletToken, writeMarketplace } from '#client/marketplace.js';
import { makePayloadKey, PAYLOAD_KEY_FILE } from '#client/temporal/payloads.js';
import { connectChain } from '#contracts/chain-provider.js';
import { isLocalChain } from '#contracts/deploy.js';
import type { Deployment } from '#contracts/deployment.js';
import { WeftError } from '#core/errors.js';
import { RemoteWallet } from '#payments/payer/remote-wallet.js';
import { startAnvil } from '#platform/local/anvil.js';
import type { Exit } from '#platform/local/leash.js';
import { startPostgres } from '#platform/local/postgres.js';
import { startTemporal } from '#platform/local/temporal.js';
import { writeFileAtomic } from '#platform/secrets.js';
import { startApp } from './app-process.js';
import { contractsOf } from './contracts-of.js';
import { databaseUrlFile } from './database-url.js';
import { Funding } from './funding.js';
import type { Home } from './home.js';
import { choosePorts } from './ports.js';
import type { Progress } from './progress.js';
import { upEnvironment } from './up-environment.js';

/** What a marketplace on this machine consists of, in the order in which it is ended: the reverse of its start. */
type Stop = () => Promise<void>;

export interface LocalMarketplaceOptions {
  readonly home: Home;
  readonly progress: Progress;
  /** Resolves when the user wants no more of it; a start under way is then given up. */
  readonly stopAsked: Promise<unknown>;
}

/** Names of everything that listens; each gets a port of its own that it keeps over restarts. */
const PORTS = [
  'anvil',
  'postgres',
  'temporal',
  'temporalUi',
  'registry',
  'wallet',
  'gateway',
  'moderation',
  'ocr',
  'superres',
  'language',
  'entities',
] as const;
type Ports = Readonly<Record<(typeof PORTS)[number], number>>;

/** A claim is made at once here, so that a demo can show it; elsewhere gas makes waiting worth while. */
const CLAIM_SOON = { WEFT_CLAIM_AFTER_SEC: '1', WEFT_CLAIM_EVERY_MS: '500' };

/** Everything of Weft on this machine, each part a process of its own that dies with us. */
export class LocalMarketplace {
  readonly #stops: Stop[] = [];
  #stopped = false;
  #failed: ((error: Error) => void) | undefined;
  /** Rejects when a part ends by itself. */
  readonly broken = new Promise<never>((_, reject) => {
    this.#failed = reject;
  });

  private constructor(
    private readonly options: LocalMarketplaceOptions,
    readonly ports: Ports,
  ) {
    this.broken.catch(() => {});
  }

  marketplace!: Marketplace;
  deployment!: Deployment;

  /** Starts every part; whatever was started is stopped again if one of them fails. */
  static async start(options: LocalMarketplaceOptions): Promise<LocalMarketplace> {
    const ports = (await choosePorts(options.home.file('ports.json'), PORTS)) as Ports;
    const local = new LocalMarketplace(options, ports);
    const givenUp = options.stopAsked.then(() => {
      throw new WeftError('CANCELLED', 'stopped before everything was up');
    });
    givenUp.catch(() => {});
    try {
      await Promise.race([local.#start(), givenUp, local.broken]);
      return local;
    } catch (error) {
      await local.stop();
      throw error;
    }
  }

  /** Ends all parts, the last started first. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const stop of this.#stops.splice(0).reverse()) await stop().catch(() => {});
  }

  async #start(): Promise<void> {
    const { home, progress } = this.options;
    const [databaseUrl, rpcUrl, temporal] = await Promise.all([
      progress.step('PostgreSQL', () => this.#startPostgres()),
      progress.step('chain (anvil)', () => this.#startChain()),
      progress.step('Temporal', () => this.#startTemporal()),
    ]);
    this.deployment = await progress.step('contracts', () => this.#deploy(rpcUrl));
    const {
      WEFT_CONFIRMATIONS,
      WEFT_MAX_FEE_GWEI,
      WEFT_WITNESS_RPC_URL: witnessRpcUrl,
      WEFT_ENCRYPT_RUNS,
    } = upEnvironment();
    if (WEFT_ENCRYPT_RUNS) makePayloadKey(home.path);
    this.marketplace = {
      chainId: Number(this.deployment.chainId),
      rpcUrl,
      ...(witnessRpcUrl === undefined ? {} : { witnessRpcUrl }),
      contracts: this.deployment,
      registry: `127.0.0.1:${this.ports.registry}`,
      wallet: `127.0.0.1:${this.ports.wallet}`,
      walletTokenFile: join('wallet', 'spend.token'),
      gateway: `http://127.0.0.1:${this.ports.gateway}`,
      temporal: { address: temporal.address, namespace: 'default', ui: temporal.uiUrl ?? '' },
      taskQueue: 'weft',
      allowPrivateEndpoints: true,
      // Also when this start did not ask for it: earlier runs could not be read without.
      ...(existsSync(home.file(PAYLOAD_KEY_FILE)) ? { payloadKeyFile: PAYLOAD_KEY_FILE } : {}),
    };
    await writeMarketplace(home.path, this.marketplace);
    writeFileAtomic(databaseUrlFile(home.path), databaseUrl);
    const funding = new Funding(rpcUrl, this.deployment);
    await progress.step('gas for the provider', () => funding.ofProvider(home.path));
    const shared = { WEFT_HOME: home.path, DATABASE_URL: databaseUrl };
    const onChain = {
      ...shared,
      WEFT_CONFIRMATIONS: String(WEFT_CONFIRMATIONS),
      WEFT_MAX_FEE_GWEI: String(WEFT_MAX_FEE_GWEI),
    };
    await Promise.all([
      this.#startApp('registry', {
        DATABASE_URL: databaseUrl,
        WEFT_RPC_URL: rpcUrl,
        WEFT_CONTRACTS_FILE: home.contracts,
        WEFT_PORT: String(this.ports.registry),
        WEFT_ALLOW_PRIVATE_ENDPOINTS: 'true',
      }),
      // The worker pays with a token that the wallet makes at its first start.
      this.#startApp('wallet', { ...onChain, WEFT_PORT: String(this.ports.wallet) }).then(() =>
        this.#startApp('worker', shared),
      ),
      this.#startApp('models', {
        ...onChain,
        ...(witnessRpcUrl === undefined ? {} : { WEFT_WITNESS_RPC_URL: witnessRpcUrl }),
        ...this.#modelPorts(),
        ...(isLocalChain(this.deployment.chainId) ? CLAIM_SOON : {}),
      }),
      this.#startApp('gateway', { ...shared, WEFT_PORT: String(this.ports.gateway) }),
    ]);
    await progress.step('money for the payer', () => this.#withWallet((wallet) => funding.ofPayer(wallet)));
  }

  async #withWallet(work: (wallet: RemoteWallet) => Promise<void>): Promise<void> {
    const token = await readWalletToken(this.options.home.path, this.marketplace);
    const wallet = new RemoteWallet({ address: this.marketplace.wallet, token });
    try {
      await work(wallet);
    } finally {
      wallet.close();
    }
  }

  #modelPorts(): Record<string, string> {
    const { moderation, ocr, superres, language, entities } = this.ports;
    const ports = { moderation, ocr, superres, language, entities };
    return Object.fromEntries(Object.entries(ports).map(([name, n]) => [`WEFT_${name.toUpperCase()}_PORT`, String(n)]));
  }

  async #startPostgres(): Promise<string> {
    const { DATABASE_URL: given } = upEnvironment();
    if (given) return given;
    const { home, progress } = this.options;
    const server = await startPostgres({
      dir: home.folder('postgres'),
      port: this.ports.postgres,
      onProgress: (line) => progress.say(`  ${line}`),
    });
    this.#stopLater(() => server.stop());
    this.#watch('PostgreSQL', server.exited, home.file('postgres', 'postgres.log'));
    return server.createDatabase('weft');
  }

  async #startChain(): Promise<string> {
    const { WEFT_RPC_URL: given } = upEnvironment();
    if (given) return given;
    const { home, progress } = this.options;
    const chain = await startAnvil({
      port: this.ports.anvil,
      stateFile: home.file('anvil', 'state.json'),
      logFile: home.log('anvil'),
      onProgress: (line) => progress.say(`  ${line}`),
    });
    this.#stopLater(() => chain.stop());
    this.#watch('anvil', chain.exited, home.log('anvil'));
    return chain.url;
  }

  async #startTemporal(): Promise<{ address: string; uiUrl: string | undefined }> {
    const { home, progress } = this.options;
    const { TEMPORAL_ADDRESS: given } = upEnvironment();
    if (given) return { address: given, uiUrl: undefined };
    const server = await startTemporal({
      port: this.ports.temporal,
      uiPort: this.ports.temporalUi,
      dbFile: home.file('temporal', 'temporal.db'),
      logFile: home.log('temporal'),
      onProgress: (line) => progress.say(`  ${line}`),
    });
    this.#stopLater(() => server.stop());
    if (server.exited) this.#watch('Temporal', server.exited, home.log('temporal'));
    return server;
  }

  async #deploy(rpcUrl: string): Promise<Deployment> {
    const provider = await connectChain(rpcUrl);
    try {
      return await contractsOf(provider, this.options.home.contracts);
    } finally {
      provider.destroy();
    }
  }

  async #startApp(name: string, env: Readonly<Record<string, string>>): Promise<void> {
    const { home, progress } = this.options;
    await progress.step(name, async () => {
      const app = startApp({ name, entry: `services/${name}/main.js`, env, logFile: home.log(name) });
      this.#stopLater(() => app.child.stop());
      await app.ready;
      this.#watch(name, app.child.exited, home.log(name));
    });
  }

  /** A marketplace that lacks a part is no marketplace: it ends, and says which part went first. */
  #watch(name: string, exited: Promise<Exit>, log: string): void {
    void exited.then(({ code, signal }) => {
      if (this.#stopped) return;
      const how = signal ?? `code ${code}`;
      this.#failed?.(
        new WeftError(
          'INTERNAL',
          `${name} ended by itself with ${how}, so everything ends; see ${log}, then start again`,
        ),
      );
    });
  }

  /** What was begun is ended; what is begun while everything ends, at once. */
  #stopLater(stop: Stop): void {
    if (this.#stopped) void stop().catch(() => {});
    else this.#stops.push(stop);
  }
}
