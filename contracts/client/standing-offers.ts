import type { Assets } from './assets.js';
import { hexOf } from './chain.js';
import type { Ask, Market, Offer } from './market.js';

/** What can be taken at once: by a buyer an ask, by the owner an offer. */
export type StandingOffer =
  | ({ readonly kind: 'ask'; readonly asset: bigint; readonly owner: Uint8Array } & Ask)
  | ({
      readonly kind: 'offer';
      readonly asset: bigint;
      readonly buyer: Uint8Array;
      readonly token: Uint8Array;
    } & Offer);

/** Asks and offers made since a block that still hold: of the asset's present tenure, and not over. In the order of assets. */
export async function standingOffers(
  { market, assets }: { readonly market: Market; readonly assets: Assets },
  { fromBlock, nowSec }: { readonly fromBlock: number; readonly nowSec: number },
): Promise<StandingOffer[]> {
  const made = new Map<string, { asset: bigint; by?: { buyer: Uint8Array; token: Uint8Array } }>();
  for (const event of await market.events(fromBlock, 'latest')) {
    if (event.name === 'Asked') made.set(`${event.asset}`, { asset: event.asset });
    if (event.name === 'Offered') {
      const { asset, buyer, token } = event;
      made.set(`${asset} ${hexOf(buyer)} ${hexOf(token)}`, { asset, by: { buyer, token } });
    }
  }
  const found: StandingOffer[] = [];
  for (const { asset, by } of made.values()) {
    const { tenure } = await assets.head(asset);
    const stands = <T extends Ask | Offer>(offer: T | undefined): T | undefined =>
      offer !== undefined && offer.tenure === tenure && offer.expiresAtSec > nowSec ? offer : undefined;
    if (by === undefined) {
      const ask = stands(await market.askOf(asset));
      if (ask) found.push({ kind: 'ask', asset, owner: await assets.ownerOf(asset), ...ask });
    } else {
      const offer = stands(await market.offerOf(asset, by.buyer, by.token));
      if (offer) found.push({ kind: 'offer', asset, ...by, ...offer });
    }
  }
  return found.sort((a, b) => (a.asset < b.asset ? -1 : a.asset > b.asset ? 1 : a.kind.localeCompare(b.kind)));
}
