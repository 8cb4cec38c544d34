import type { BlockTag, Provider, Signer } from 'ethers';
import { getCreateAddress } from 'ethers';
import { WeftError } from '#core/errors.js';
import { fromHex, type Hex } from '#core/hex.js';
import { type Price, priceKinds } from '#core/price.js';
import { type Bytes, hexOf, lower, read, type UnsignedTransaction } from './chain.js';
import { deployGovernance, deployOne, type GovernanceTerms, providerOf } from './deploy-one.js';
import type { Deployment } from './deployment.js';
import { Votes } from './votes.js';

/** What one call may cost, in minor units. */
export interface Bounds {
  readonly lowest: bigint;
  readonly highest: bigint;
}

/** The same shape as in `#payments/typed-data.js`. */
export interface FullListing {
  readonly asset: bigint;
  readonly tenure: number;
  readonly version: number;
  readonly previous: Uint8Array;
  readonly contractDigest: Uint8Array;
  readonly prices: readonly Price[];
  readonly endpoints: readonly string[];
  readonly docsDigest: Uint8Array;
  readonly escrow: Uint8Array;
  readonly minChannel: bigint;
  readonly honourSec: number;
  readonly retainSec: number;
  readonly publishedAtSec: number;
}

/**
 * The shares of one asset, whose contract owns it. Holders are owed what was collected while they held them. What only
 * the controller may send is voted about: give those transactions to `Governor.propose`.
 */
export class Shares extends Votes {
  constructor(address: string, provider: Provider) {
    super(address, provider, 'Shares');
  }

  /** Gives all shares to who sent the asset here without `safeTransferFrom`. Anyone. */
  issue(): UnsignedTransaction {
    return this.build('issue', []);
  }

  /** Divides what the asset's income left for this contract. Anyone; it is to be released to it first. */
  collect(): UnsignedTransaction {
    return this.build('collect', []);
  }

  /** Pays out what the sender is owed. */
  withdraw(to: Bytes): UnsignedTransaction {
    return this.build('withdraw', [hexOf(to)]);
  }

  /** Puts a listing in force; its operator sends it. */
  publish(listing: FullListing): UnsignedTransaction {
    const prices = listing.prices.map((price) => ({ ...price, kind: priceKinds[price.kind] }));
    const bytes = {
      previous: hexOf(listing.previous),
      contractDigest: hexOf(listing.contractDigest),
      docsDigest: hexOf(listing.docsDigest),
      escrow: hexOf(listing.escrow),
    };
    return this.build('publish', [{ ...listing, ...bytes, prices }]);
  }

  /** Burns every share, all of them the sender's, and gives him the asset. */
  redeem(): UnsignedTransaction {
    return this.build('redeem', []);
  }

  /** Controller only. */
  setOperator(operator: Bytes): UnsignedTransaction {
    return this.build('setOperator', [hexOf(operator)]);
  }

  /** Controller only. */
  setBounds({ lowest, highest }: Bounds): UnsignedTransaction {
    return this.build('setBounds', [lowest, highest]);
  }

  /** Controller only. */
  setRoyalty(bps: number): UnsignedTransaction {
    return this.build('setRoyalty', [bps]);
  }

  /** Controller only. */
  delist(): UnsignedTransaction {
    return this.build('delist', []);
  }

  /** What a holder may withdraw. */
  async owedTo(holder: Bytes, at?: BlockTag): Promise<bigint> {
    return (await this.read('owedTo', [hexOf(holder)], at))[0];
  }

  async bounds(at?: BlockTag): Promise<Bounds> {
    const [lowest, highest] = await this.read('bounds', [], at);
    return { lowest, highest };
  }

  async asset(): Promise<bigint> {
    return (await this.read('asset', []))[0];
  }

  /** Who may name the operator and bound prices: a timelock, 20 bytes. */
  async controller(): Promise<Uint8Array> {
    return fromHex((await this.read('controller', []))[0], 'controller', 20);
  }
}

/** The shares that own an asset, or undefined if its owner is something else. */
export async function sharesOf(
  asset: bigint,
  owner: Bytes,
  { provider, contracts }: { readonly provider: Provider; readonly contracts: { readonly assets: string } },
): Promise<Shares | undefined> {
  if ((await provider.getCode(hexOf(owner))) === '0x') return undefined;
  const shares = new Shares(hexOf(owner), provider);
  try {
    const [assets] = await read(provider, 'Shares', shares.address, 'assets', []);
    return lower(assets) === lower(contracts.assets) && (await shares.asset()) === asset ? shares : undefined;
  } catch (error) {
    if (WeftError.from(error).reason === 'CHAIN_UNAVAILABLE') throw error;
    return undefined; // a contract of another kind
  }
}

export interface SharesTerms extends GovernanceTerms {
  readonly asset: bigint;
  readonly name: string;
  readonly symbol: string;
  readonly supply: bigint;
}

/**
 * Deploys shares of an asset, with a governor that their holders command and its timelock as their controller. The asset
 * stays where it is: send it with `Assets.safeTransfer`, and its owner gets all shares.
 */
export async function deployShares(
  signer: Signer,
  contracts: Pick<Deployment, 'assets' | 'revenue'>,
  { asset, name, symbol, supply, ...terms }: SharesTerms,
): Promise<{ readonly shares: Hex; readonly governor: Hex; readonly timelock: Hex }> {
  const from = await signer.getAddress();
  const nonce = await signer.getNonce();
  // The shares name the timelock for good and the governor names the shares, so one address has to be known beforehand.
  const timelock = lower(getCreateAddress({ from: getCreateAddress({ from, nonce: nonce + 1 }), nonce: 1 }));
  const { assets, revenue } = contracts;
  const shares = await deployOne(signer, 'Shares', [name, symbol, supply, asset, assets, revenue, timelock]);
  const made = await deployGovernance(signer, name, shares, terms);
  const [controller] = await read(providerOf(signer), 'Shares', shares, 'controller', []);
  if (lower(controller) !== made.timelock)
    throw new WeftError(
      'TRANSACTION_REVERTED',
      `another transaction of ${from} came in between, so that nobody controls these shares; the asset did not move: try again`,
      { shares, controller: lower(controller), timelock: made.timelock },
    );
  return { shares, ...made };
}
