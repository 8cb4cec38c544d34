import type { Log } from 'ethers';
import { type Assets, mintedAsset, type Parent } from '#contracts/assets.js';
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
  /** Remembers the asset, and the listing of what is offered. */
  readonly stateFile: string;
}

export interface NewAsset {
  /** 20 bytes; nobody signs for an asset without one. */
  readonly operator?: Uint8Array;
  readonly parents: readonly Parent[];
}

/** The asset that `state` remembers, or one that is minted now; never two, whatever dies in between. */
export async function mintOnce(minter: Minter, state: PublishState, asset: NewAsset): Promise<bigint> {
  const { assets, owner, domain } = minter;
  const ownAddress = fromHex(owner.address.toLowerCase(), 'owner', 20);
  if (state.asset !== undefined) {
    const found = await assets.ownerOf(state.asset);
    if (sameBytes(found, ownAddress)) return state.asset;
    throw new WeftError(
      'PERMISSION_DENIED',
      `asset ${state.asset} belongs to ${toHex(found)}, not to ${owner.address}; remove ${minter.stateFile} to offer a new one`,
      { asset: String(state.asset), owner: toHex(found) },
    );
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
