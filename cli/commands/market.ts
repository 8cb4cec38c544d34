import { standingOffers } from '#contracts/standing-offers.js';
import { type AddCommand, type Answer, action, type Context, example } from '../command.js';
import { type Economy, openEconomy } from '../economy.js';
import { parseAsset, parseDuration, parsePercent, parsePositive } from '../input/values.js';
import { addressOf } from '../keys.js';
import { localTime } from '../output/units.js';
import { allowOffers } from '../ownership/allow-offers.js';
import { buy, saleIn } from '../ownership/buy.js';
import { offersText, soldText } from '../ownership/sale-text.js';
import { asOption } from '../signer.js';

interface Terms {
  readonly as?: string;
  readonly price: string;
  readonly token?: string;
  readonly for: string;
}

const OWNER_KEY = 'its owner, if the key is in this home';
const PRICE = ['--price <amount>', 'in minor units of the token'] as const;
const TOKEN = ['--token <address>', 'any ERC-20 (default: the currency of this marketplace)'] as const;
const FOR = ['--for <time>', 'how long it holds: 12h, 7d', '7d'] as const;

/** `weft market ask|asks|buy|offer|accept|cancel`. */
export const addMarket: AddCommand = (program) => {
  const market = program
    .command('market')
    .description('Sell and buy assets: at a price that is asked, or by offers')
    .addHelpText(
      'after',
      example(
        'npx weft market ask 3 --price 5000000',
        'npx weft market asks',
        'npx weft market buy 3 --price 5000000 --as alice',
      ),
    );
  market
    .command('ask')
    .argument('<asset>', 'its id')
    .requiredOption(...PRICE)
    .option(...TOKEN)
    .option(...FOR)
    .addOption(asOption(OWNER_KEY))
    .description('Ask a price for an asset; whoever pays it gets the asset at once')
    .addHelpText('after', example('npx weft market ask 3 --price 5000000 --for 14d'))
    .action(action(ask));
  market
    .command('asks')
    .argument('[asset]', 'the id of one asset; without it, all')
    .description('List what is asked and offered at present')
    .addHelpText('after', example('npx weft market asks', 'npx weft market asks 3 --json'))
    .action(action(asks));
  market
    .command('buy')
    .argument('<asset>', 'its id')
    .requiredOption('--price <amount>', 'what you agree to pay: has to be what is asked')
    .option(...TOKEN)
    .option('--max-sale-royalty <share>', 'of later sales, for its maker, at most (default: what it is now)')
    .addOption(asOption('owner'))
    .description('Buy an asset at what is asked: price and asset change hands in one transaction')
    .addHelpText('after', example('npx weft market buy 3 --price 5000000 --as alice'))
    .action(action(purchase));
  market
    .command('offer')
    .argument('<asset>', 'its id')
    .requiredOption(...PRICE)
    .option(...TOKEN)
    .option('--max-sale-royalty <share>', 'of later sales, for its maker, at most (default: what it is now)')
    .option(...FOR)
    .addOption(asOption('owner'))
    .description('Offer a price for an asset, to its present owner only')
    .addHelpText('after', example('npx weft market offer 3 --price 4000000 --for 2d --as alice'))
    .action(action(offer));
  market
    .command('accept')
    .argument('<asset>', 'its id')
    .requiredOption('--buyer <who>', 'whose offer: an address, or the name of a key of this home')
    .requiredOption('--price <amount>', 'what you agree to get: has to be what was offered')
    .option(...TOKEN)
    .addOption(asOption(OWNER_KEY))
    .description('Sell an asset to who made an offer')
    .addHelpText('after', example('npx weft market accept 3 --buyer alice --price 4000000'))
    .action(action(accept));
  market
    .command('cancel')
    .argument('<asset>', 'its id')
    .option('--offer', 'your offer for it, not what you ask for it')
    .option(...TOKEN)
    .addOption(asOption(`${OWNER_KEY}; of an offer: owner`))
    .description('Take back what you ask or offer')
    .addHelpText('after', example('npx weft market cancel 3', 'npx weft market cancel 3 --offer --as alice'))
    .action(action(cancel));
};

const tokenOf = (context: Context, economy: Economy, token: string | undefined): string =>
  token === undefined ? economy.contracts.token : addressOf(context.home, token, '--token');

async function ask(context: Context, options: Terms, id: string): Promise<Answer> {
  const asset = parseAsset(id);
  const price = parsePositive(options.price, '--price');
  const lifeSec = parseDuration(options.for, '--for');
  const economy = await openEconomy(context);
  const { assets, market } = economy;
  const token = tokenOf(context, economy, options.token);
  const owner = await economy.ownerOf(asset, options.as);
  const expiresAtSec = (await economy.nowSec()) + lifeSec;
  const { hash } = await owner.send(market.ask(asset, { token, price, expiresAtSec }));
  // Only now may the market move it: at this price and no other.
  if (!(await assets.isApproved(asset, market.address))) await owner.send(assets.approve(asset, market.address));
  const json = { asset, token, price, expiresAtSec, seller: owner.address.toLowerCase(), transaction: hash };
  return { json, text: `asset ${asset} can be bought for ${price} until ${localTime(expiresAtSec)}` };
}

async function asks(context: Context, _options: object, id: string | undefined): Promise<Answer> {
  const only = id === undefined ? undefined : parseAsset(id);
  const economy = await openEconomy(context);
  const nowSec = await economy.nowSec();
  const all = await standingOffers(economy, { fromBlock: economy.contracts.blockNumber, nowSec });
  const found = all.filter(({ asset }) => only === undefined || asset === only);
  return { json: { offers: found }, text: found.length === 0 ? 'nothing is asked or offered' : offersText(found) };
}

async function purchase(
  context: Context,
  options: { as?: string; price: string; token?: string; maxSaleRoyalty?: string },
  id: string,
): Promise<Answer> {
  const asset = parseAsset(id);
  const price = parsePositive(options.price, '--price');
  const saleBps = saleRoyaltyOf(options);
  const economy = await openEconomy(context);
  const agreed = { token: tokenOf(context, economy, options.token), price, saleBps };
  const sale = await buy(economy, economy.signer(options.as), asset, agreed, context.progress);
  return { json: sale, text: soldText(sale) };
}

const saleRoyaltyOf = ({ maxSaleRoyalty }: { maxSaleRoyalty?: string }): number | undefined =>
  maxSaleRoyalty === undefined ? undefined : parsePercent(maxSaleRoyalty, '--max-sale-royalty');

async function offer(context: Context, options: Terms & { maxSaleRoyalty?: string }, id: string): Promise<Answer> {
  const asset = parseAsset(id);
  const price = parsePositive(options.price, '--price');
  const lifeSec = parseDuration(options.for, '--for');
  const agreedBps = saleRoyaltyOf(options);
  const economy = await openEconomy(context);
  const { assets, market } = economy;
  const buyer = economy.signer(options.as);
  const token = tokenOf(context, economy, options.token);
  await assets.ownerOf(asset); // NOT_FOUND if there is none
  const saleBps = agreedBps ?? (await assets.terms(asset)).saleBps;
  const expiresAtSec = (await economy.nowSec()) + lifeSec;
  const { hash } = await buyer.send(market.offer(asset, { token, price, saleBps, expiresAtSec }));
  await allowOffers(economy, buyer, token);
  const json = { asset, token, price, saleBps, expiresAtSec, buyer: buyer.address.toLowerCase(), transaction: hash };
  return { json, text: `offered ${price} for asset ${asset} until ${localTime(expiresAtSec)}` };
}

async function accept(
  context: Context,
  options: { as?: string; buyer: string; price: string; token?: string },
  id: string,
): Promise<Answer> {
  const asset = parseAsset(id);
  const price = parsePositive(options.price, '--price');
  const buyer = addressOf(context.home, options.buyer, '--buyer');
  const economy = await openEconomy(context);
  const { assets, market } = economy;
  const token = tokenOf(context, economy, options.token);
  const owner = await economy.ownerOf(asset, options.as);
  if (!(await assets.isApproved(asset, market.address))) await owner.send(assets.approve(asset, market.address));
  const sale = saleIn(await owner.send(market.accept(asset, { buyer, token, price })), economy);
  return { json: sale, text: soldText(sale) };
}

async function cancel(
  context: Context,
  options: { as?: string; offer?: boolean; token?: string },
  id: string,
): Promise<Answer> {
  const asset = parseAsset(id);
  const economy = await openEconomy(context);
  const { market } = economy;
  if (options.offer !== true) {
    const owner = await economy.ownerOf(asset, options.as);
    const { hash } = await owner.send(market.withdrawAsk(asset));
    return { json: { asset, what: 'ask', transaction: hash }, text: `asset ${asset} is not for sale any more` };
  }
  const token = tokenOf(context, economy, options.token);
  const buyer = economy.signer(options.as);
  const { hash } = await buyer.send(market.withdrawOffer(asset, token));
  await allowOffers(economy, buyer, token);
  return { json: { asset, what: 'offer', transaction: hash }, text: `your offer for asset ${asset} is withdrawn` };
}
