import { access, constants, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
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
import { toJson } from '../output/to-json.js';
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
  const saves = options.save ?? [];
  const output = jsonSchemaOf(contract, method.output);
  for (const pair of saves) await checkSave(pair, output);
  const answer = await weft.call(toHex(digest), method.name, request, { ...limit, ...paidBy });

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
  const text = responseText(response);
  try {
    for (const pair of saves) await save(context, pair, response, output);
  } catch (error) {
    // It is paid for, so it is not lost with the file.
    context.print(context.asJson ? toJson(view) : text);
    throw error;
  }
  return { json: view, text };
}

const priceLimit = (text: string): string => formatAmount(parseAmount(text, '--max-price'));

const fieldOf = (schema: JsonSchema, name: string): JsonSchema | undefined => {
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, JsonSchema>>;
  return Object.hasOwn(properties, name) ? properties[name] : undefined;
};

/** Refuses, before anything is paid, what could not be written afterwards. */
async function checkSave({ name, value }: Pair, schema: JsonSchema): Promise<void> {
  if (fieldOf(schema, name) === undefined)
    throw new WeftError('INVALID_INPUT', `--save: the response has no field "${name}"`, { field: name });
  await access(dirname(value), constants.W_OK).catch((cause: unknown) => cannotWrite(name, value, cause));
}

const cannotWrite = (name: string, file: string, cause: unknown): never => {
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
  throw new WeftError('INVALID_INPUT', `--save ${name}: cannot write ${file} (${code})`, { field: name }, { cause });
};

async function save(context: Context, { name, value }: Pair, response: unknown, schema: JsonSchema): Promise<void> {
  const content = (response as Readonly<Record<string, unknown>> | null)?.[name];
  if (content === undefined)
    throw new WeftError('INVALID_INPUT', `--save: the response came without "${name}"`, { field: name });
  const isBytes = fieldOf(schema, name)?.['contentEncoding'] === 'base64' && typeof content === 'string';
  const bytes = isBytes
    ? Buffer.from(content, 'base64')
    : typeof content === 'string'
      ? content
      : JSON.stringify(content);
  await writeFile(value, bytes).catch((cause: unknown) => cannotWrite(name, value, cause));
  context.progress(`wrote ${value}`);
}
