import { findListing } from '#client/listing/find-listing.js';
import { listingName } from '#client/listing/listing-name.js';
import {
  type GateView,
  type MethodView,
  type VerifiedListingView,
  verifiedView,
} from '#client/listing/listing-view.js';
import { plainText } from '#core/plain-text.js';
import { type AddCommand, action, example } from '../command.js';
import { openMarket } from '../market.js';
import { priceText } from '../output/price-text.js';
import { fieldLines } from '../output/schema-text.js';

export const addDescribe: AddCommand = (program) =>
  program
    .command('describe')
    .argument('<listing>', 'digest, asset id, or name of a service')
    .description('Show an offer, held against the chain: prices, methods, requests and responses')
    .addHelpText('after', example('npx weft describe ocr', 'npx weft describe 2 --json'))
    .action(
      action(async (context, _options, name: string) => {
        const market = await openMarket(context);
        const view = verifiedView(await findListing(market, await listingName(market.directory, name)));
        return { json: view, text: textOf(view) };
      }),
    );

const textOf = (view: VerifiedListingView): string =>
  [
    `${view.title}\n${view.summary}`.trim(),
    '',
    `service   ${view.service}`,
    `listing   ${view.listing}`,
    `asset     ${view.asset}, tenure ${view.tenure}, version ${view.version}`,
    `contract  ${view.contract}`,
    `operator  ${view.operator}`,
    ...view.endpoints.map((endpoint) => `endpoint  ${endpoint}`),
    ...(view.gate === undefined ? [] : [`for       ${gateText(view.gate)}`]),
    ...view.methods.flatMap((method) => methodLines(method, view)),
  ]
    .map((line) => plainText(line, 2_000))
    .join('\n');

const gateText = ({ standard, token, id, atLeast }: GateView): string =>
  `holders of ${atLeast} of ${standard} ${token}${id === undefined ? '' : ` with id ${id}`}`;

function methodLines(method: MethodView, { prices }: VerifiedListingView): string[] {
  const price = prices.find((each) => each.method === method.method);
  const stream = method.responseStream ? ', answers a stream' : '';
  return [
    '',
    `${method.name}  ${price === undefined ? 'not offered' : priceText(price)}${stream}`,
    ...method.description.split('\n').map((line) => `  ${line}`),
    '  request',
    ...fieldLines(method.request).map((line) => `    ${line}`),
    '  response',
    ...fieldLines(method.response).map((line) => `    ${line}`),
  ];
}
