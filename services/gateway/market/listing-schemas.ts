import { z } from 'zod';

const price = z.object({
  method: z.string(),
  kind: z.enum(['free', 'fixed', 'metered']),
  unit: z.string(),
  rate: z.string(),
  per: z.string(),
  maxAmount: z.string(),
});
const listing = z.object({
  listing: z.string().describe('Digest: what is pinned, signed and paid'),
  asset: z.string(),
  tenure: z.number().int(),
  version: z.number().int(),
  service: z.string(),
  contract: z.string().describe('Digest of the contract'),
  title: z.string(),
  summary: z.string(),
  tags: z.array(z.string()),
  prices: z.array(price),
  endpoints: z.array(z.string()),
  minChannel: z.string(),
  publishedAtSec: z.number().int(),
  gate: z
    .object({
      standard: z.enum(['erc20', 'erc721', 'erc1155']),
      token: z.string(),
      id: z.string().optional(),
      atLeast: z.string(),
    })
    .optional()
    .describe('What callers must hold besides paying'),
});
const jsonSchema = z.record(z.string(), z.unknown());
const method = z.object({
  name: z.string(),
  method: z.string(),
  description: z.string(),
  requestStream: z.boolean(),
  responseStream: z.boolean(),
  request: jsonSchema,
  response: jsonSchema,
});

export const listingRecords = z.object({
  listings: z.array(listing.extend({ status: z.enum(['active', 'superseded', 'deprecated']), serving: z.boolean() })),
});
export const verifiedListing = listing.extend({ operator: z.string(), methods: z.array(method) });
export const contractView = z.object({ service: z.string(), contract: z.string(), methods: z.array(method) });

export const searchQuery = z.strictObject({
  q: z.string().max(200).default('').describe('Words; none lists everything, newest first'),
  limit: z.coerce.number().int().min(1).max(50).default(20),
});
export type SearchQuery = z.infer<typeof searchQuery>;

/** Digest, asset id, full or short name of a service. */
export const listingKey = z.string().regex(/^\w[\w.-]{0,199}$/, 'is no digest, asset id or name of a service');
