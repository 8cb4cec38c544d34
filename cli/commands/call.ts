import { writeFile } from 'node:fs/promises';
import { type JsonSchema, jsonSchemaOf } from '#client/contract/json-schema.js';
import { methodOf } from '#client/contract/methods.js';
import { findListing } from '#client/listing/find-listing.js';
import { listingName } from '#client/listing/listing-name.js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import { formatAmount, parseAmount } from '#core/money.js';
import { type AddCommand, type Answer, action, type Context, example } from '../command.js';
import { messageJson } from '../input/message-json.js';
import { collectPair, type Pair } from '../input/pairs.js';
import { responseText } from '../output/response-text.js';
import { openWeft } from '../wallet.js';

interface CallOptions {
  readonly field?: readonly Pair[];
  readonly save?: readonly Pair[];
  readonly maxPrice?: string;
  readonly licence?: string;
}

export const addCall: AddCommand = (program) =>
  program
    .command('call')
    .argument('<listing>', 'digest, asset id, or name of a service')
    .argument('<method>', 'its name')
    .argument('[json]', 'the request as JSON', '{}')
    .option('-f, --field <name=value>', 'a field of the request: text, or @file (repeatable)', collectPair)
    .option('--save <name=file>', 'write a field of the response to a file (repeatable)', collectPair)
    .option('--max-price <amount>', "the most that the call may cost, in minor units (default: the listing's price)")
    .option('--licence <id>', 'a licence of the wallet pays (see `weft licence show`)')
    .description('Call a method and pay for it')
    .addHelpText(
      'after',
      example(
        'npx weft call ocr Recognize --field image=@examples/scan.png',
        `npx weft call language Identify '{"text":"Guten Morgen, wie geht es Ihnen?"}' --json`,
      ),
    )
    .action(action(call));

async function call(
  context: Context,
  options: CallOptions,
  name: string,
  methodName: string,
  json: string,
): Promise<Answer> {
  const limit = options.maxPrice === undefined ? {} : { maxPrice: priceLimit(options.maxPrice) };
  const paidBy = options.licence === undefined ? {} : { useLicence: options.licence };
  const weft = await openWeft(context);
  const { market } = weft.parts;
  const { digest, contract } = await findListing(market, await listingName(market.directory, name));
  const method = methodOf(contract, methodName);
  const request = await messageJson(json, options.field ?? [], jsonSchemaOf(contract, method.input));
  const answer = await weft.call(toHex(digest), method.name, request, { ...limit, ...paidBy });

  for (const pair of options.save ?? [])
    await save(context, pair, answer.response, jsonSchemaOf(contract, method.output));
  const { receipt, signer, attempts, latencyMs, listing, response } = answer;
  const amount = formatAmount(receipt?.amount ?? 0n);
  const view = {
    listing,
    method: method.fullName,
    amount,
    attempts,
    latencyMs,
    // A reply comes back only with its receipt verified.
    receipt: receipt === undefined ? null : { callId: receipt.callId, signer, verified: true },
    response,
  };
  context.progress(`paid ${amount}${receipt === undefined ? '' : ', receipt verified'}, ${latencyMs} ms`);
  return { json: view, text: responseText(response) };
}

const priceLimit = (text: string): string => formatAmount(parseAmount(text, '--max-price'));

async function save(context: Context, { name, value }: Pair, response: unknown, schema: JsonSchema): Promise<void> {
  const properties = schema['properties'] as Readonly<Record<string, JsonSchema>> | undefined;
  const field = Object.hasOwn(properties ?? {}, name) ? properties?.[name] : undefined;
  const content = (response as Readonly<Record<string, unknown>> | null)?.[name];
  if (field === undefined || content === undefined)
    throw new WeftError('INVALID_INPUT', `--save: the response has no field "${name}"`, { field: name });
  const isBytes = field['contentEncoding'] === 'base64' && typeof content === 'string';
  const bytes = isBytes
    ? Buffer.from(content, 'base64')
    : typeof content === 'string'
      ? content
      : JSON.stringify(content);
  await writeFile(value, bytes);
  context.progress(`wrote ${value}`);
}
