import type { Command } from 'commander';
import { WeftError } from '#core/errors.js';
import { fromHex, toHex } from '#core/hex.js';
import { parseAmount } from '#core/money.js';
import { action, type Context, example } from '../command.js';
import { openWallet } from '../wallet.js';
import { countedLicence, licenceOf, listingOf } from './licence-of.js';
import { licencesText } from './licence-text.js';
import { openLicences } from './open-licences.js';

interface PriceOptions {
  readonly maxPrice?: string;
}

const MAX_PRICE = 'the most that it may cost, in minor units';

/** What a holder does: `buy`, `show`, `renew`, `refund`; the wallet pays and keeps the keys. */
export function addHolding(licence: Command): void {
  licence
    .command('buy')
    .argument('<offer>', 'its id, 0x…, as `weft licence offers` lists it')
    .option('--max-price <amount>', MAX_PRICE)
    .description('Buy a licence; the wallet pays and keeps its key')
    .addHelpText('after', example('npx weft licence buy 0x81c2… --max-price 90000'))
    .action(
      action(async (context: Context, options: PriceOptions, id: string) => {
        const offerId = fromHex(id, 'offer', 32);
        const { offer, status } = await (await openLicences(context)).licences.offerOf(offerId);
        if (status !== 'open')
          throw new WeftError('NOT_FOUND', 'there is no such offer, or it was withdrawn: see `weft licence offers`', {
            offer: toHex(offerId),
          });
        const { digest } = await listingOf(context, offer.asset);
        const wallet = await openWallet(context);
        context.progress(`buying a ${offer.kind} for ${offer.price}`);
        const bought = await wallet.buyLicence({ offerId, listing: digest, maxPrice: maxPriceOf(options) });
        const text = `licence      ${toHex(bought.licenceId)}\npaid         ${bought.price}\ntransaction  ${bought.transaction}`;
        return { json: bought, text };
      }),
    );
  licence
    .command('show')
    .argument('[licence]', 'its id, 0x… (default: all that the wallet bought or uses)')
    .description('Show licences: whether they are good, until when, and how many calls are left')
    .addHelpText('after', example('npx weft licence show', 'npx weft licence show 0x5c1d…'))
    .action(
      action(async (context: Context, _options, id: string | undefined) => {
        const licences =
          id === undefined ? await (await openWallet(context)).licences() : [await licenceOf(context, id)];
        return { json: { licences }, text: licences.length === 0 ? 'no licences yet' : licencesText(licences) };
      }),
    );
  licence
    .command('renew')
    .argument('<licence>', 'a subscription: its id, 0x…')
    .option('--periods <number>', 'by how many', '1')
    .option('--max-price <amount>', MAX_PRICE)
    .description('Let a subscription run on')
    .addHelpText('after', example('npx weft licence renew 0x5c1d… --periods 3'))
    .action(
      action(async (context: Context, options: PriceOptions & { periods: string }, id: string) => {
        const { licenceId, asset } = await licenceOf(context, id);
        const { digest: listing } = await listingOf(context, asset);
        const wallet = await openWallet(context);
        const renewal = { listing, periods: Number(options.periods), maxPrice: maxPriceOf(options) };
        const renewed = await wallet.renewLicence(licenceId, renewal);
        return { json: renewed, text: `paid ${renewed.price} in ${renewed.transaction}` };
      }),
    );
  licence
    .command('refund')
    .argument('<licence>', 'its id, 0x…')
    .description('End a licence and get back what has not run off, if its seller said so')
    .addHelpText('after', example('npx weft licence refund 0x5c1d…'))
    .action(
      action(async (context: Context, _options, id: string) => {
        const { licenceId, endpoints } = await countedLicence(context, id);
        const refunded = await (await openWallet(context)).refundLicence(licenceId, endpoints);
        return { json: refunded, text: `got back ${refunded.refunded} in ${refunded.transaction}` };
      }),
    );
}

const maxPriceOf = ({ maxPrice }: PriceOptions): bigint | undefined =>
  maxPrice === undefined ? undefined : parseAmount(maxPrice, '--max-price');
