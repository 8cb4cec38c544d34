import { toHex } from '#core/hex.js';
import { findKey, OWNER, openKey } from '../keys.js';
import { type Sender, senderOf } from '../signer.js';
import type { OpenLicences } from './open-licences.js';

/**
 * Sends as the owner of an asset in a tenure: with the key that is named, else with the one of this home that owns it,
 * else with the one that `weft publish` made, whom the contract then refuses.
 */
export async function ownerOfAsset(
  { home, given }: { readonly home: string; readonly given: string | undefined },
  { provider, marketplace, assets }: OpenLicences,
  { asset, tenure }: { readonly asset: bigint; readonly tenure: number },
): Promise<Sender> {
  const owner = given === undefined ? await assets.ownerAt(asset, tenure) : undefined;
  const own = owner && findKey(home, toHex(owner));
  return senderOf(own ?? openKey(home, given ?? OWNER, '--owner-key'), provider, marketplace.rpcUrl);
}
