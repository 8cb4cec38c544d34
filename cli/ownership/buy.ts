import type { JsonRpcProvider, Log } from 'ethers';
import { type Deal, type MarketEvent, parseMarketLogs } from '#contracts/market.js';
import type { Token } from '#contracts/token.js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import type { Economy } from '../economy.js';
import type { Sender } from '../signer.js';

/** What a sale did, as the chain tells it. */
export type Sale = Extract<MarketEvent, { name: 'Sold' }>;

/** The sale that a transaction was. */
export function saleIn({ logs }: { readonly logs: readonly Log[] }, { market }: Economy): Sale {
  const sale = parseMarketLogs(logs, market.address).find((event) => event.name === 'Sold');
  if (!sale) throw new Error('the transaction sold nothing');
  return sale;
}

const PERMIT_SEC = 3_600;

/** Buys what is asked if it is what the buyer agreed to; nothing is sent before that is known. */
export async function buy(
  economy: Economy,
  buyer: Sender,
  asset: bigint,
  agreed: { readonly token: string; readonly price: bigint; readonly saleBps: number | undefined },
  progress: (line: string) => void,
): Promise<Sale> {
  const { assets, market } = economy;
  const [ask, { tenure }, terms] = await Promise.all([market.askOf(asset), assets.head(asset), assets.terms(asset)]);
  if (ask === undefined || ask.tenure !== tenure || ask.expiresAtSec <= (await economy.nowSec()))
    throw new WeftError(
      'NOT_FOUND',
      `nothing is asked for asset ${asset} at present: see what is with "npx weft market asks", or make an offer`,
      { asset: String(asset) },
    );
  const asked = { token: toHex(ask.token), price: String(ask.price) };
  if (asked.token !== agreed.token || ask.price !== agreed.price)
    throw new WeftError(
      'WRONG_TERMS',
      `asset ${asset} costs ${asked.price} of the token ${asked.token}, not ${agreed.price} of ${agreed.token}: nothing was paid`,
      { asset: String(asset), ...asked },
    );
  const token = economy.token(asked.token);
  await haveMoney(economy, buyer, token, ask.price, progress);
  const deal = { token: ask.token, price: ask.price, tenure, saleBps: agreed.saleBps ?? terms.saleBps };
  return saleIn(await buyer.send(await purchase(economy, buyer, asset, deal, token)), economy);
}

/** With a permit if the token has them: nothing but this one sale is allowed by it. */
async function purchase(economy: Economy, buyer: Sender, asset: bigint, deal: Deal, token: Token) {
  const { market } = economy;
  const deadlineSec = (await economy.nowSec()) + PERMIT_SEC;
  const permit = await token.permit(buyer.wallet, market.address, deal.price, deadlineSec).catch(noPermits);
  if (permit !== undefined) return market.buyWithPermit(asset, deal, permit);
  if ((await token.allowance(buyer.address, market.address)) < deal.price)
    await buyer.send(token.approve(market.address, deal.price));
  return market.buy(asset, deal);
}

/** Not every token has them. */
function noPermits(error: unknown): undefined {
  if (WeftError.from(error).reason === 'CHAIN_UNAVAILABLE') throw error;
}

/** The test token of a local chain gives to anybody who asks; others have to be earned. */
async function haveMoney(
  { provider, contracts }: Economy,
  buyer: Sender,
  token: Token,
  price: bigint,
  progress: (line: string) => void,
): Promise<void> {
  const balance = await token.balanceOf(buyer.address);
  if (balance >= price) return;
  if (token.address === contracts.token && contracts.chainId === LOCAL_CHAIN && (await isAnvil(provider))) {
    await buyer.send(token.mint(buyer.address, price - balance));
    progress(`this is a local chain: ${buyer.address} was given ${price - balance} of its test token`);
    return;
  }
  throw new WeftError(
    'FUNDS_TOO_LOW',
    `${buyer.address} has ${balance} of the token ${token.address} and the price is ${price}: get more of it first`,
    { account: buyer.address, balance: String(balance), needed: String(price) },
  );
}

const LOCAL_CHAIN = 31_337n;

const isAnvil = (provider: JsonRpcProvider): Promise<boolean> =>
  provider.send('anvil_nodeInfo', []).then(
    () => true,
    () => false,
  );
