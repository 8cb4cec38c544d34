import { type OpenMarket, openMarket as open } from '#client/market.js';
import { readMarketplace } from '#client/marketplace.js';
import type { Context } from './command.js';

/** Offers and their contracts, without a wallet. Closed with the command. */
export async function openMarket(context: Context): Promise<OpenMarket> {
  return context.closeLater(open(await readMarketplace(context.home)));
}
