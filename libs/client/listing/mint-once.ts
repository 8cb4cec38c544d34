import type { Log } from 'ethers';
import { type Assets, mintedAsset, type Parent } from '#contracts/assets.js';
import type { Shares } from '#contracts/shares.js';
import { WeftError } from '#core/errors.js';
import { fromHex, sameBytes, toHex } from '#core/hex.js';
import type { Domain } from '#payments/typed-data.js';
import type { PublishState } from './publish-state.js';

export interface Minter {
  readonly assets: Assets;
  /** Of Assets. */
  readonly domain: Domain;
  /** Owns the asset and sends its transactions; a `TransactionSender` is one. */
  readonly owner: {
    readonly address: string;
    send(transaction: { to: string; data: string }): Promise<{ readonly logs: readonly Log[] }>;
  };
  /** Offers this asset, which is there already, and mints none. */
  readonly asset?: bigint | undefined;
  /** The shares that own the asset; then `owner` is its operator, who publishes through them. */
  readonly shares?: Shares | undefined;
  /** Remembers the asset, and the listing of what is offered. */
  readonly stateFile: string;
}

export interface NewAsset {
  /** 20 bytes; nobody signs for an asset without one. */
  readonly operator?: Uint8Array;
  readonly parents: readonly Parent[];
}

/** The asset that is named, or that `state` remembers, or one that is minted now; never two, whatever dies in between. */
export async function mintOnce(minter: Minter, state: PublishState, asset: NewAsset): Promise<bigint> {
  const { assets, owner, domain, shares } = minter;
  const ownAddress = fromHex((shares ?? owner).address.toLowerCase(), 'owner', 20);
  const known = minter.asset ?? state.asset;
  if (known !== undefined) {
    const found = await assets.ownerOf(known);
    if (!sameBytes(found, ownAddress)) {
      const instead = minter.asset === undefined ? `; remove ${minter.stateFile} to offer a new one` : '';
      throw new WeftError(
        'PERMISSION_DENIED',
        `asset ${known} belongs to ${toHex(found)}, not to ${owner.address}${instead}`,
        { asset: String(known), owner: toHex(found) },
      );
    }
    if (state.asset !== known) await state.setAsset(known);
    return known;
  }
  const lost =
    state.mintingAfter === undefined ? undefined : await lostMint(assets, state.mintingAfter, ownAddress, asset);
  const minted = lost ?? (await mint());
  await state.setAsset(minted);
  return minted;

  async function mint(): Promise<bigint> {
    await state.startMinting(await assets.count());
    const receipt = await owner.send(assets.mint(asset));
    return mintedAsset(receipt, toHex(domain.verifyingContract));
  }
}

/** An asset that was minted for this by a process that died before it could write down its id. */
async function lostMint(
  assets: Assets,
  after: bigint,
  owner: Uint8Array,
  { operator = new Uint8Array(20) }: NewAsset,
): Promise<bigint | undefined> {
  const count = await assets.count();
  for (let asset = after + 1n; asset <= count; asset++) {
    const head = await assets.head(asset);
    if (head.listingVersion !== 0 || !sameBytes(head.operator, operator)) continue;
    if (sameBytes(await assets.ownerOf(asset), owner)) return asset;
  }
  return undefined;
}
