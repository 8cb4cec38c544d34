import { findListing } from '#client/listing/find-listing.js';
import type { VerifiedListing } from '#client/listing/verify-listing.js';
import type { LicenceState } from '#contracts/licences.js';
import { WeftError } from '#core/errors.js';
import { fromHex, toHex } from '#core/hex.js';
import type { Context } from '../command.js';
import { openMarket } from '../market.js';
import { openLicences } from './open-licences.js';

/** A licence as the chain shows it, whoever holds it. Errors: LICENCE_UNKNOWN. */
export async function licenceOf(
  context: Context,
  id: string,
): Promise<LicenceState & { readonly licenceId: Uint8Array }> {
  const licenceId = fromHex(id, 'licence', 32);
  const state = await (await openLicences(context)).licences.state(licenceId);
  if (state.offerId === undefined)
    throw new WeftError('LICENCE_UNKNOWN', 'the chain has no such licence', { licence: toHex(licenceId) });
  return { licenceId, ...state };
}

/** The asset's listing in force, verified. */
export async function listingOf(context: Context, asset: bigint): Promise<VerifiedListing> {
  return await findListing(await openMarket(context), String(asset));
}

/** A licence, and where its provider is asked how often it was used, before it changes hands or ends. */
export async function countedLicence(context: Context, id: string) {
  const licence = await licenceOf(context, id);
  return { ...licence, endpoints: await countedAt(context, licence) };
}

/** Only a pass in use needs it. None: where the wallet called it last, since nobody lists the asset any more. */
async function countedAt(
  context: Context,
  { kind, signer, asset }: Pick<LicenceState, 'kind' | 'signer' | 'asset'>,
): Promise<readonly string[]> {
  if (kind !== 'pass' || signer === undefined) return [];
  try {
    return (await listingOf(context, asset)).listing.endpoints;
  } catch (error) {
    if (error instanceof WeftError && error.reason === 'LISTING_UNKNOWN') return [];
    throw error;
  }
}
