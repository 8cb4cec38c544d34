import { deprecationText } from '#client/listing/directory.js';
import type { Assets } from '#contracts/assets.js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import { keccak } from '#payments/keccak.js';
import { signedBy } from '#payments/signature.js';
import type { DeprecateRequest } from '#protos/weft/registry/v1/registry.js';
import type { ListingRow, ListingStore } from './store/listing-store.js';

const MAX_AGE_SEC = 300n;
const MAX_AHEAD_SEC = 60n;

/** Marks a listing as not to be used for anything new, if its operator says so. Doing it again changes nothing. */
export async function deprecate(store: ListingStore, assets: Assets, request: DeprecateRequest): Promise<ListingRow> {
  const { digest, atSec, signature } = request;
  const nowSec = BigInt(Math.floor(Date.now() / 1000));
  if (atSec > nowSec + MAX_AHEAD_SEC || atSec < nowSec - MAX_AGE_SEC)
    throw new WeftError('INVALID_INPUT', `atSec must be now, ${nowSec}, give or take ${MAX_AGE_SEC} s`, {
      field: 'atSec',
    });
  const row = await store.byDigest(digest);
  if (row === undefined)
    throw new WeftError('LISTING_UNKNOWN', `there is no listing ${toHex(digest)} here`, { listing: toHex(digest) });
  const { operator } = await assets.head(row.asset);
  if (!signedBy(operator, personalHash(deprecationText(digest, Number(atSec))), signature))
    throw new WeftError('BAD_SIGNATURE', `this is not signed by the operator of asset ${row.asset}`, {
      field: 'signature',
    });
  return (await store.setStatus(digest, 'deprecated')) ?? row;
}

/** EIP-191, as wallets sign text. */
function personalHash(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return keccak(Buffer.concat([Buffer.from(`\u0019Ethereum Signed Message:\n${bytes.length}`, 'utf8'), bytes]));
}
