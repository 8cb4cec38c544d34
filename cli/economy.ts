import type { JsonRpcProvider } from 'ethers';
import { Assets } from '#contracts/assets.js';
import type { Deployment } from '#contracts/deployment.js';
import { Escrow } from '#contracts/escrow.js';
import { Governor } from '#contracts/governor.js';
import { Jobs } from '#contracts/jobs.js';
import { Market } from '#contracts/market.js';
import { Revenue } from '#contracts/revenue.js';
import { type Shares, sharesOf } from '#contracts/shares.js';
import { Token } from '#contracts/token.js';
import { Votes } from '#contracts/votes.js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import { openChain } from './chain.js';
import type { Context } from './command.js';
import { findKey, OWNER, openKey } from './keys.js';
import { type Sender, senderOf } from './signer.js';

/** The contracts of this marketplace, and the keys of this home that act on them. */
export class Economy {
  readonly assets: Assets;
  readonly escrow: Escrow;
  readonly revenue: Revenue;
  readonly market: Market;
  readonly jobs: Jobs;
  readonly votes: Votes;
  /** Of the protocol. */
  readonly governor: Governor;

  constructor(
    private readonly home: string,
    private readonly rpcUrl: string,
    readonly provider: JsonRpcProvider,
    readonly contracts: Deployment,
  ) {
    this.assets = new Assets(contracts.assets, provider);
    this.escrow = new Escrow(contracts.escrow, provider);
    this.revenue = new Revenue(contracts.revenue, provider);
    this.market = new Market(contracts.market, provider);
    this.jobs = new Jobs(contracts.jobs, provider);
    this.votes = new Votes(contracts.votes, provider);
    this.governor = new Governor(contracts.governor, provider);
  }

  token(address: string = this.contracts.token): Token {
    return new Token(address, this.provider);
  }

  /** Whose key signs: who is named, else the key that `weft publish` uses. */
  signer(who: string | undefined): Sender {
    return senderOf(openKey(this.home, who ?? OWNER, '--as'), this.provider, this.rpcUrl);
  }

  /** Whose key signs for an asset: who is named, else its owner, if this home has that key. */
  async ownerOf(asset: bigint, who: string | undefined): Promise<Sender> {
    if (who !== undefined) return this.signer(who);
    const owner = toHex(await this.assets.ownerOf(asset));
    const key = findKey(this.home, owner);
    if (key !== undefined) return senderOf(key, this.provider, this.rpcUrl);
    throw new WeftError(
      'PERMISSION_DENIED',
      `asset ${asset} belongs to ${owner}, whose key is not in this home: if you have it, name its file with --as`,
      { asset: String(asset), owner },
    );
  }

  /** The shares of an asset; NOT_FOUND if it has none. */
  async sharesOf(asset: bigint): Promise<Shares> {
    const owner = await this.assets.ownerOf(asset);
    const shares = await sharesOf(asset, owner, this);
    if (shares !== undefined) return shares;
    throw new WeftError(
      'NOT_FOUND',
      `asset ${asset} has no shares, it belongs to ${toHex(owner)}; who owns it issues some with "npx weft shares issue ${asset}"`,
      { asset: String(asset), owner: toHex(owner) },
    );
  }

  /** The chain's own time, which on a local chain may be ahead of ours, or ours if nothing was mined for a while. */
  async nowSec(): Promise<number> {
    const block = await this.provider.getBlock('latest');
    return Math.max(block?.timestamp ?? 0, Math.floor(Date.now() / 1000));
  }
}

/** Closed with the command. */
export async function openEconomy(context: Context): Promise<Economy> {
  const { provider, rpcUrl, contracts } = await openChain(context);
  return new Economy(context.home, rpcUrl, provider, contracts);
}
