import { bigint, boolean, customType, integer, pgSchema, text, timestamp } from 'drizzle-orm/pg-core';
import type { ListingStatus } from '#client/listing/directory.js';

const bytea = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' });
const tsvector = customType<{ data: string }>({ dataType: () => 'tsvector' });

/** As `migrations/` make it. */
const registry = pgSchema('registry');

export const contracts = registry.table('contract', {
  digest: bytea('digest').primaryKey(),
  service: text('service').notNull(),
  skeleton: text('skeleton').notNull(),
  files: bytea('files').notNull(),
  recordedAtSec: bigint('recorded_at_sec', { mode: 'bigint' }).notNull(),
});

export const listings = registry.table('listing', {
  id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
  digest: bytea('digest').notNull().unique(),
  asset: bigint('asset', { mode: 'bigint' }).notNull(),
  tenure: bigint('tenure', { mode: 'number' }).notNull(),
  version: integer('version').notNull(),
  contractDigest: bytea('contract_digest').notNull(),
  service: text('service').notNull(),
  signed: bytea('signed').notNull(),
  title: text('title').notNull(),
  summary: text('summary').notNull(),
  tags: text('tags').array().notNull(),
  status: text('status').$type<ListingStatus>().notNull(),
  isServing: boolean('is_serving').notNull(),
  recordedAtSec: bigint('recorded_at_sec', { mode: 'bigint' }).notNull(),
  /** 'infinity' for what a newer one has replaced: it is not visited any more. */
  visitedAt: timestamp('visited_at', { withTimezone: true }).notNull().defaultNow(),
  names: text('names').notNull(),
  search: tsvector('search').notNull(),
});

export const changes = registry.table('change', {
  seq: bigint('seq', { mode: 'bigint' }).primaryKey(),
  listingId: bigint('listing_id', { mode: 'bigint' }).notNull(),
  status: text('status').$type<ListingStatus>().notNull(),
  isServing: boolean('is_serving').notNull(),
});
