import { join } from 'node:path';
import type pg from 'pg';
import { Directory } from '#client/listing/directory.js';
import { mintOnce } from '#client/listing/mint-once.js';
import { announceListing, type ListingInForce, type Offer, putInForce } from '#client/listing/publish.js';
import { PublishState } from '#client/listing/publish-state.js';
import type { Marketplace } from '#client/marketplace.js';
import { Anchor } from '#contracts/anchor.js';
import type { Parent } from '#contracts/assets.js';
import { chainProvider } from '#contracts/chain-provider.js';
import { Revenue } from '#contracts/revenue.js';
import { fromHex } from '#core/hex.js';
import type { ServiceDefinition } from '#core/service-definition.js';
import { TransactionSender } from '#payments/chain/transaction-sender.js';
import { type Anchoring, type AnchorPolicy, defaultAnchorPolicy } from '#payments/provider/anchorer.js';
import { BodyStore } from '#payments/provider/body-store.js';
import { ChainView } from '#payments/provider/chain-view.js';
import { JobSettler } from '#payments/provider/job-settler.js';
import { ProviderLedger } from '#payments/provider/provider-ledger.js';
import { type Release, releaseUp } from '#payments/provider/release-up.js';
import type { SettlePolicy } from '#payments/provider/settle-policy.js';
import { type Claimant, type Settlement, Settler } from '#payments/provider/settler.js';
import type { Domain } from '#payments/typed-data.js';
import { createPaywall, type Paywall } from '#paywall/create-paywall.js';
import type { JobPolicy } from '#paywall/limits.js';
import type { ChainSafety } from '#platform/chain-settings.js';
import { migrate } from '#platform/db/migrate.js';
import { createPool } from '#platform/db/pool.js';
import type { Shares } from '../lineage.js';
import { ProviderKeys } from './provider-keys.js';

/** A service and what it is offered for. */
export interface OwnOffer extends Offer {
  readonly definition: ServiceDefinition;
  /** Which of the provider's owner keys the asset belongs to. */
  readonly owner: number;
}

export interface ProviderOptions {
  readonly home: string;
  readonly marketplace: Marketplace;
  readonly databaseUrl: string;
  readonly safety: ChainSafety;
  /** What else must hold before a payer's money counts. */
  readonly credit?: { readonly maxBlockAgeSec?: number | undefined; readonly witnessRpcUrl?: string | undefined };
  readonly policy?: Partial<SettlePolicy>;
  readonly anchorPolicy?: Partial<AnchorPolicy>;
  readonly settleEveryMs?: number;
  /** Which jobs are served. Default: any. */
  readonly jobs?: JobPolicy;
  readonly onError: (error: unknown) => void;
}

/** The provider's side of a marketplace: its ledger, its keys, the listings it has in force, and what claims its earnings. */
export class Provider {
  readonly #listed: ListingInForce[] = [];
  #paywall: Paywall | undefined;
  #settler: Settler | undefined;
  #jobSettler: JobSettler | undefined;

  private constructor(
    private readonly options: ProviderOptions,
    private readonly keys: ProviderKeys,
    private readonly pool: pg.Pool,
    private readonly chain: ChainView,
    private readonly revenue: Revenue,
    private readonly anchor: Anchor,
    private readonly ledger: ProviderLedger,
    private readonly send: (key: 'operator' | number) => Promise<TransactionSender>,
    private readonly closeChain: () => void,
  ) {}

  static async open(options: ProviderOptions): Promise<Provider> {
    const { home, marketplace, databaseUrl, safety } = options;
    const { rpcUrl, contracts } = marketplace;
    const chainId = BigInt(marketplace.chainId);
    const keys = ProviderKeys.open(home);
    await migrate(databaseUrl, {
      folder: new URL('../../../libs/payments/provider/migrations', import.meta.url),
      schema: 'provider',
    });
    const pool = createPool(databaseUrl, { name: 'weft provider', max: 12 });
    const provider = chainProvider({ rpcUrl, chainId });
    const { maxBlockAgeSec, witnessRpcUrl } = options.credit ?? {};
    const witness = witnessRpcUrl === undefined ? undefined : chainProvider({ rpcUrl: witnessRpcUrl, chainId });
    const { confirmations } = safety;
    const chain = new ChainView({ provider, rpcUrl, chainId, ...contracts, confirmations, maxBlockAgeSec, witness });
    const ledger = await ProviderLedger.open(pool, new BodyStore(join(home, 'bodies')), {
      chainId,
      escrow: fromHex(contracts.escrow, 'contracts.escrow', 20),
      birth: () => chain.newestBlock(),
    });
    const send = (key: 'operator' | number) =>
      TransactionSender.start({
        pool,
        schema: 'provider',
        key: key === 'operator' ? keys.operator : keys.owner(key),
        provider,
        rpcUrl,
        chainId,
        ...safety,
      });
    const revenue = new Revenue(contracts.revenue, provider);
    const anchor = new Anchor(contracts.anchor, provider);
    return new Provider(options, keys, pool, chain, revenue, anchor, ledger, send, () => {
      provider.destroy();
      witness?.destroy();
    });
  }

  /** Mints what services were built from, once; parents must come before their children. Gives the ids by name. */
  async mintAncestors(all: readonly { readonly name: string; readonly builtFrom: Shares; readonly owner: number }[]) {
    const ids = new Map<string, bigint>();
    for (const { name, builtFrom, owner } of all) {
      const stateFile = join(this.options.home, 'offers', `${name}.json`);
      const minter = {
        assets: this.chain.assets,
        domain: this.#assetsDomain,
        owner: await this.send(owner),
        stateFile,
      };
      const state = await PublishState.open(stateFile, minter.domain);
      ids.set(name, await mintOnce(minter, state, { parents: parentsOf(builtFrom, ids) }));
    }
    return ids;
  }

  /** Puts every offer in force and the paywall in front of all of them. */
  async offer(offers: readonly OwnOffer[]): Promise<Paywall> {
    const { home, marketplace, onError, jobs } = this.options;
    const { contracts } = marketplace;
    const chainId = BigInt(marketplace.chainId);
    const escrow = fromHex(contracts.escrow, 'contracts.escrow', 20);
    const domain = this.#assetsDomain;
    const operator = this.keys.operatorKey;
    const listed = await Promise.all(
      offers.map(async (offer) => {
        const owner = await this.send(offer.owner);
        const stateFile = join(home, 'offers', `${offer.service}.json`);
        return putInForce({ assets: this.chain.assets, domain, escrow, owner, operator, stateFile }, offer);
      }),
    );
    this.#listed.push(...listed);
    this.#paywall = await createPaywall({
      chainId,
      escrow,
      token: fromHex(contracts.token, 'contracts.token', 20),
      ledger: this.ledger,
      chain: this.chain,
      ...(jobs === undefined ? {} : { limits: { jobs } }),
      offers: offers.map(({ definition }, i) => ({
        service: definition,
        listing: listed[i]!.signed.listing,
        docs: listed[i]!.signed.docs,
        operator,
      })),
      anchorAfterSec: this.#anchorPolicy.ageSec,
      onError,
    });
    return this.#paywall;
  }

  /** Tells the registry of what is served now, and begins to claim what is earned and to anchor what is served. */
  async announce(): Promise<void> {
    const { marketplace } = this.options;
    const directory = new Directory(marketplace.registry);
    try {
      await Promise.all(this.#listed.map((listing) => announceListing(directory, listing)));
    } finally {
      directory.close();
    }
    const tenures = this.#listed.map(({ signed }) => signed.listing);
    this.#settler = await this.#settlerOf(tenures);
    await this.#settler.start();
    this.#jobSettler = new JobSettler({
      ledger: this.ledger,
      chain: this.chain,
      claimants: await this.#claimantsOf(tenures),
      onError: this.options.onError,
    });
    this.#jobSettler.start();
  }

  /** Claims all that is earned and not claimed yet; a process that serves meanwhile is not disturbed. */
  async claimNow(): Promise<Settlement[]> {
    return (await this.#settlerOf(await this.ledger.tenures())).settleNow();
  }

  /** Anchors all receipts that are not anchored yet, beside the process that serves as `claimNow` does. */
  async anchorNow(): Promise<Anchoring[]> {
    return (await this.#settlerOf(await this.ledger.tenures())).anchorNow();
  }

  /**
   * Releases what these services' assets, and all that they were built from, have earned and been credited: children
   * before their parents, so that one pass pays everybody.
   */
  async releaseNow(): Promise<Release[]> {
    const { assets, escrow } = this.chain;
    const sender = await this.send('operator');
    return await releaseUp({ assets, escrow, revenue: this.revenue, sender }, await this.ledger.tenures());
  }

  get #assetsDomain(): Domain {
    const { chainId, contracts } = this.options.marketplace;
    return { chainId: BigInt(chainId), verifyingContract: fromHex(contracts.assets, 'contracts.assets', 20) };
  }

  get #anchorPolicy(): AnchorPolicy {
    return { ...defaultAnchorPolicy, ...this.options.anchorPolicy };
  }

  async #settlerOf(tenures: readonly { readonly asset: bigint; readonly tenure: number }[]): Promise<Settler> {
    const { policy, settleEveryMs, onError } = this.options;
    return new Settler({
      ledger: this.ledger,
      chain: this.chain,
      claimants: await this.#claimantsOf(tenures),
      ...(policy === undefined ? {} : { policy }),
      anchoring: { anchor: this.anchor, policy: this.#anchorPolicy },
      ...(settleEveryMs === undefined ? {} : { everyMs: settleEveryMs }),
      onError,
    });
  }

  async #claimantsOf(tenures: readonly { readonly asset: bigint; readonly tenure: number }[]): Promise<Claimant[]> {
    const sender = await this.send('operator');
    return tenures.map(({ asset, tenure }) => ({ asset, tenure, sender }));
  }

  async close(): Promise<void> {
    await this.#settler?.stop();
    await this.#jobSettler?.stop();
    await this.#paywall?.close();
    this.closeChain();
    await this.pool.end();
  }
}

/** In ascending order of ids, as the contract wants them. */
export const parentsOf = (shares: Shares, ids: ReadonlyMap<string, bigint>): Parent[] =>
  Object.entries(shares)
    .map(([name, bps]) => ({ asset: ids.get(name)!, bps }))
    .sort((a, b) => (a.asset < b.asset ? -1 : 1));
