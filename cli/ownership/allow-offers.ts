import { standingOffers } from '#contracts/standing-offers.js';
import { toHex } from '#core/hex.js';
import type { Economy } from '../economy.js';
import type { Sender } from '../signer.js';

/** Lets the market take what the buyer's offers in a token come to, no more and no less. */
export async function allowOffers(economy: Economy, buyer: Sender, token: string): Promise<void> {
  const own = buyer.address.toLowerCase();
  const { market, contracts } = economy;
  const offers = await standingOffers(economy, { fromBlock: contracts.blockNumber, nowSec: await economy.nowSec() });
  const total = offers
    .filter((each) => each.kind === 'offer' && toHex(each.buyer) === own && toHex(each.token) === token.toLowerCase())
    .reduce((sum, { price }) => sum + price, 0n);
  const its = economy.token(token);
  if ((await its.allowance(own, market.address)) !== total) await buyer.send(its.approve(market.address, total));
}
