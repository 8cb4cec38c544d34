import type { Command } from 'commander';
import { findListing } from '#client/listing/find-listing.js';
import { listingName } from '#client/listing/listing-name.js';
import { WeftError } from '#core/errors.js';
import { fromHex, toHex } from '#core/hex.js';
import { type Answer, action, type Context, example } from '../command.js';
import { openMarket } from '../market.js';
import { offersText } from './licence-text.js';
import { type OfferOptions, offerOf } from './offer-options.js';
import { openLicences } from './open-licences.js';
import { ownerOfAsset } from './owner-of-asset.js';

interface OwnerOptions {
  readonly ownerKey?: string;
}

const OWNER_KEY =
  'private key that owns the asset (default: of the shipped service, or the one that `weft publish` made)';

/** What an owner does: `offer`, `revoke`; and `offers` for whoever looks. */
export function addSelling(licence: Command): void {
  licence
    .command('offer')
    .argument('<asset>', 'its id, or the name of its service')
    .requiredOption('--kind <kind>', 'subscription, pass, rental or perpetual')
    .requiredOption('--price <amount>', 'in minor units; of a subscription for each period')
    .option('--days <number>', "a subscription's period, how long a rental runs, when a pass lapses")
    .option('--calls <number>', 'of a pass')
    .option('--exclusive', 'no other rental of the asset while it runs')
    .option('--transferable', 'the holder may hand it on')
    .option('--refundable', 'what has not run off is paid back on demand')
    .option('--revocable', 'you may end it, and pay back the rest')
    .option('--owner-key <file>', OWNER_KEY)
    .description('Offer licences of an asset of yours')
    .addHelpText(
      'after',
      example(
        'npx weft licence offer 7 --kind subscription --price 500000 --days 30 --refundable',
        'npx weft licence offer 7 --kind pass --price 90000 --calls 1000',
      ),
    )
    .action(action(offer));
  licence
    .command('offers')
    .argument('<asset>', 'its id, or the name of its service')
    .description('List the licences that are sold of an asset')
    .addHelpText('after', example('npx weft licence offers OcrService'))
    .action(
      action(async (context: Context, _options, asset: string) => {
        const { licences, marketplace } = await openLicences(context);
        const { blockNumber = 0 } = marketplace.contracts;
        const offers = await licences.offersOf(await assetNamed(context, asset), blockNumber);
        return { json: { offers }, text: offers.length === 0 ? 'nobody sells licences of it' : offersText(offers) };
      }),
    );
  licence
    .command('revoke')
    .argument('<licence>', 'its id, 0x…')
    .option('--owner-key <file>', OWNER_KEY)
    .description('End a licence that you sold as revocable; its holder gets back what has not run off')
    .addHelpText('after', example('npx weft licence revoke 0x5c1d…'))
    .action(
      action(async (context: Context, options: OwnerOptions, id: string) => {
        const opened = await openLicences(context);
        const licenceId = fromHex(id, 'licence', 32);
        const { offerId, ...sold } = await opened.licences.state(licenceId);
        if (offerId === undefined)
          throw new WeftError('LICENCE_UNKNOWN', 'the chain has no such licence', { licence: toHex(licenceId) });
        const owner = await ownerOfAsset({ home: context.home, given: options.ownerKey }, opened, sold);
        await owner.send(opened.licences.revoke(licenceId));
        return { json: { licence: licenceId }, text: `revoked ${toHex(licenceId)}` };
      }),
    );
}

async function offer(context: Context, options: OfferOptions & OwnerOptions, text: string): Promise<Answer> {
  const opened = await openLicences(context);
  const asset = await assetNamed(context, text);
  const { tenure } = await opened.assets.head(asset);
  const terms = offerOf(options, { asset, tenure });
  const owner = await ownerOfAsset({ home: context.home, given: options.ownerKey }, opened, terms);
  await owner.send(opened.licences.offer(terms));
  const offerId = await opened.licences.offerId(terms);
  const offered = { offerId, offer: terms, status: 'open' as const };
  return { json: offered, text: offersText([offered]) };
}

/** An id may be of an asset that nobody lists. */
async function assetNamed(context: Context, name: string): Promise<bigint> {
  if (/^[1-9][0-9]{0,14}$/.test(name)) return BigInt(name);
  const market = await openMarket(context);
  return (await findListing(market, await listingName(market.directory, name))).listing.asset;
}
