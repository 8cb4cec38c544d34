import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Offer } from '#client/listing/publish.js';
import { WeftError } from '#core/errors.js';
import { parseAmount } from '#core/money.js';
import { gateSchema } from '#payments/token-gate.js';
import { parsePrice } from './parse-price.js';

const seconds = z.coerce.number().int().min(0).max(4_294_967_295);
const schema = z.strictObject({
  service: z.string().min(1),
  endpoints: z.array(z.string()).min(1).max(8),
  /** By the method's short name. */
  prices: z.record(z.string(), z.coerce.string()),
  title: z.string().min(1),
  summary: z.string().default(''),
  tags: z.array(z.string()).default([]),
  methods: z.record(z.string(), z.string()).default({}),
  /** What callers must hold besides paying. */
  gate: gateSchema.optional(),
  minChannel: z.coerce.string().default('0'),
  honourSec: seconds.default(3_600),
  retainSec: seconds.default(86_400),
});
/** What a file, or the command line, says of an offer. */
export type OfferInput = z.input<typeof schema>;

const MAX_BYTES = 256 * 1024;

/** A YAML or JSON file. Unknown names in it are found by `completeOffer`. */
export async function readOfferFile(file: string): Promise<object> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new WeftError('INVALID_INPUT', `cannot read ${file}`, { field: 'offer' }, { cause });
  });
  if (text.length > MAX_BYTES)
    throw new WeftError('INVALID_INPUT', `${file} is too large for an offer`, { field: 'offer' });
  let value: unknown;
  try {
    // Aliases would let a small file become a large value.
    value = parse(text, { maxAliasCount: 0 });
  } catch (cause) {
    throw new WeftError('INVALID_INPUT', `${file}: ${(cause as Error).message}`, { field: 'offer' }, { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new WeftError('INVALID_INPUT', `${file} must hold names and values`, { field: 'offer' });
}

/** The offer without its contract, or INVALID_INPUT with the path of the first field that does not fit. */
export function completeOffer(input: object): Omit<Offer, 'files'> {
  const parsed = schema.safeParse(input);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = issue?.path.map(String).join('.') ?? '';
    throw new WeftError('INVALID_INPUT', `${field === '' ? '' : `${field}: `}${issue?.message}`, { field });
  }
  const { service, endpoints, prices, title, summary, tags, methods, gate, minChannel, honourSec, retainSec } =
    parsed.data;
  return {
    service,
    endpoints,
    prices: Object.entries(prices).map(([name, text]) => parsePrice(text, `${service}/${name}`, `prices.${name}`)),
    docs: { title, summary, tags, methods, ...(gate && { gate }) },
    minChannel: parseAmount(minChannel, 'minChannel'),
    honourSec,
    retainSec,
  };
}
