import { recordView } from '#client/listing/listing-view.js';
import { type AddCommand, action, example } from '../command.js';
import { openMarket } from '../market.js';
import { priceText } from '../output/price-text.js';
import { table } from '../output/table.js';
import { shortHex } from '../output/units.js';

const MAX_LISTED = 50;

export const addServices: AddCommand = (program) =>
  program
    .command('services')
    .argument('[words...]', 'what to search for; none lists what is offered')
    .description('Find services')
    .addHelpText('after', example('npx weft services', 'npx weft services text picture'))
    .action(
      action(async (context, _options, words: string[]) => {
        const { directory } = await openMarket(context);
        const records =
          words.length > 0
            ? await directory.search(words.join(' '), MAX_LISTED)
            : (await directory.page({})).records.slice(0, MAX_LISTED);
        const listings = records.map(recordView);
        const rows = listings.flatMap((listing) =>
          listing.prices.map((price, i) => [
            ...(i === 0 ? [listing.asset, listing.service, listing.serving ? 'serving' : 'down'] : ['', '', '']),
            price.method.slice(price.method.indexOf('/') + 1),
            priceText(price),
            i === 0 ? shortHex(listing.listing) : '',
            i === 0 ? listing.title : '',
          ]),
        );
        const columns = ['ASSET', 'SERVICE', 'HEALTH', 'METHOD', 'PRICE', 'LISTING', 'TITLE'].map((title) => ({
          title,
        }));
        return { json: { listings }, text: rows.length === 0 ? 'nothing found' : table(columns, rows) };
      }),
    );
