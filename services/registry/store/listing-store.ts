import { and, desc, eq, inArray, lt, ne, type SQL, sql } from 'drizzle-orm';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import type pg from 'pg';
import type { Contract } from '#client/contract/read-contract.js';
import type { ListingStatus } from '#client/listing/directory.js';
import type { ListingDocs } from '#client/listing/listing-docs.js';
import { type SignedListing, writeSignedListing } from '#client/listing/listing-wire.js';
import { Turns } from '#core/turns.js';
import { asBuffer } from '#platform/as-buffer.js';
import { inTransaction } from '#platform/db/transaction.js';
import * as proto from '#protos/weft/registry/v1/registry.js';
import { skeletonOf } from '../publish/look-alike.js';
import { searchListings } from '../search/search.js';
import { searchText } from '../search/search-text.js';
import { changes, contracts, listings } from './schema.js';

export type ListingRow = Omit<typeof listings.$inferSelect, 'names' | 'search' | 'visitedAt'>;
export type ContractRow = typeof contracts.$inferSelect;

/** What passed all checks. */
export interface Accepted {
  readonly signed: SignedListing;
  readonly digest: Buffer;
  readonly docs: ListingDocs;
  readonly contract: Contract;
  readonly files: Uint8Array;
  readonly isServing: boolean;
}

export interface PageFilter {
  readonly service?: string | undefined;
  readonly contractDigest?: Uint8Array | undefined;
  readonly includeInactive: boolean;
}

interface Change {
  readonly status?: ListingStatus;
  readonly isServing?: boolean;
}

export interface ChangeRow {
  readonly seq: bigint;
  readonly listing: ListingRow;
}

/** The channel on which replicas are told that there are new changes. */
export const CHANGE_CHANNEL = 'registry_change';

/** A record is at most about 20 KiB; a page must stay well below what a client takes. */
const MAX_PAGE_BYTES = 2 * 1024 * 1024;

const columns = {
  id: listings.id,
  digest: listings.digest,
  asset: listings.asset,
  tenure: listings.tenure,
  version: listings.version,
  contractDigest: listings.contractDigest,
  service: listings.service,
  signed: listings.signed,
  title: listings.title,
  summary: listings.summary,
  tags: listings.tags,
  status: listings.status,
  isServing: listings.isServing,
  recordedAtSec: listings.recordedAtSec,
};

/** Contracts, listings and their changes. Every change of a listing is one transaction together with its line in `change`. */
export class ListingStore {
  readonly #pool: pg.Pool;
  readonly #db: NodePgDatabase;
  readonly #turns = new Turns();

  constructor(pool: pg.Pool) {
    this.#pool = pool;
    this.#db = drizzle(pool);
  }

  /** Ids of active listings that fit the words, best first. */
  search(words: string, limit: number): Promise<bigint[]> {
    return searchListings(this.#pool, words, limit);
  }

  /**
   * Records a listing with its contract, and the asset's others as superseded. Already there: nothing changes, but one
   * that was superseded is reinstated. `confirm` throws if the listing is not in force; it is asked when nobody else
   * can record one, so that of two listings of an asset the one in force comes last.
   */
  async record(
    { signed, digest, docs, contract, files, isServing }: Accepted,
    confirm: () => Promise<unknown>,
  ): Promise<ListingRow> {
    const { listing } = signed;
    return this.#changing(async (tx) => {
      const known = await byDigest(tx, digest);
      if (known !== undefined && known.status !== 'superseded') return known;
      await confirm();
      if (known !== undefined) return this.#reinstate(tx, known, isServing);
      const recordedAtSec = BigInt(Math.floor(Date.now() / 1000));
      await tx
        .insert(contracts)
        .values({
          digest: contract.digest,
          service: contract.service,
          skeleton: skeletonOf(contract.service),
          files: asBuffer(files),
          recordedAtSec,
        })
        .onConflictDoNothing();
      const text = searchText(contract, docs);
      const [row] = await tx
        .insert(listings)
        .values({
          digest,
          asset: listing.asset,
          tenure: listing.tenure,
          version: listing.version,
          contractDigest: contract.digest,
          service: contract.service,
          signed: asBuffer(proto.SignedListing.encode(writeSignedListing(signed)).finish()),
          title: docs.title,
          summary: docs.summary,
          tags: [...docs.tags],
          status: 'active',
          isServing,
          recordedAtSec,
          names: text.names,
          search: sql`setweight(to_tsvector('english', ${text.a}), 'A') || setweight(to_tsvector('english', ${text.b}), 'B')
            || setweight(to_tsvector('english', ${text.c}), 'C') || setweight(to_tsvector('english', ${text.d}), 'D')`,
        })
        .returning(columns);
      await this.#replaceOthers(tx, row as ListingRow);
      await this.#tell(tx, row as ListingRow);
      return row as ListingRow;
    });
  }

  async byDigest(digest: Uint8Array): Promise<ListingRow | undefined> {
    return byDigest(this.#db, digest);
  }

  /** The newest that was not replaced. */
  async byAsset(asset: bigint): Promise<ListingRow | undefined> {
    return this.#newest(and(eq(listings.asset, asset), ne(listings.status, 'superseded')));
  }

  /** The newest of the asset for this service, whatever its status. */
  async latest(asset: bigint, service: string): Promise<ListingRow | undefined> {
    return this.#newest(and(eq(listings.asset, asset), eq(listings.service, service)));
  }

  async contract(digest: Uint8Array): Promise<ContractRow | undefined> {
    const [row] = await this.#db
      .select()
      .from(contracts)
      .where(eq(contracts.digest, asBuffer(digest)));
    return row;
  }

  /** The name of another service that looks like this one. */
  async lookAlike(service: string): Promise<string | undefined> {
    const [row] = await this.#db
      .select({ service: contracts.service })
      .from(contracts)
      .where(and(eq(contracts.skeleton, skeletonOf(service)), ne(contracts.service, service)))
      .limit(1);
    return row?.service;
  }

  /** The asset that was listed first with a service of this protobuf package. */
  async firstOfPackage(name: string): Promise<bigint | undefined> {
    const [row] = await this.#db
      .select({ asset: listings.asset })
      .from(listings)
      .where(sql`regexp_replace(${listings.service}, '[.]?[^.]*$', '') = ${name}`)
      .orderBy(listings.id)
      .limit(1);
    return row?.asset;
  }

  /** Newest first, below `before`; fewer than `size` when they get too large together. */
  async page(
    filter: PageFilter,
    size: number,
    before: bigint | undefined,
  ): Promise<{ rows: ListingRow[]; next: bigint | undefined }> {
    const rows = await this.#db
      .select(columns)
      .from(listings)
      .where(
        and(
          before === undefined ? undefined : lt(listings.id, before),
          filter.service === undefined ? undefined : eq(listings.service, filter.service),
          filter.contractDigest === undefined
            ? undefined
            : eq(listings.contractDigest, asBuffer(filter.contractDigest)),
          filter.includeInactive ? undefined : eq(listings.status, 'active'),
        ),
      )
      .orderBy(desc(listings.id))
      .limit(size + 1);
    let bytes = 0;
    const fitting = rows.slice(0, size).filter((row, i) => {
      bytes += row.signed.length;
      return i === 0 || bytes <= MAX_PAGE_BYTES;
    });
    return { rows: fitting, next: fitting.length < rows.length ? fitting.at(-1)?.id : undefined };
  }

  /** Rows of these ids, in their order. */
  async byIds(ids: readonly bigint[]): Promise<ListingRow[]> {
    if (ids.length === 0) return [];
    const rows = await this.#db
      .select(columns)
      .from(listings)
      .where(inArray(listings.id, [...ids]));
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.flatMap((id) => byId.get(id) ?? []);
  }

  /** Undefined if there is no such listing. One that was superseded stays so: see `reinstate`. */
  async setStatus(digest: Uint8Array, status: ListingStatus): Promise<ListingRow | undefined> {
    return this.#change(digest, { status });
  }

  async setServing(digest: Uint8Array, isServing: boolean): Promise<ListingRow | undefined> {
    return this.#change(digest, { isServing });
  }

  /**
   * Makes a superseded listing again what it was before, and the asset's others superseded: the chain may have shown
   * another state for a moment only. `confirm` as in `record`.
   */
  async reinstate(digest: Uint8Array, confirm: () => Promise<unknown>): Promise<ListingRow | undefined> {
    return this.#changing(async (tx) => {
      const row = await byDigest(tx, digest);
      if (row?.status !== 'superseded') return row;
      await confirm();
      return this.#reinstate(tx, row, row.isServing);
    });
  }

  /**
   * Takes up to `count` listings whose last visit is older than `ageSec`; no other replica gets them until that time is
   * over again. None that a newer one has replaced.
   */
  async takeForVisit(count: number, ageSec: number): Promise<ListingRow[]> {
    const due = this.#db
      .select({ id: listings.id })
      .from(listings)
      .where(sql`${listings.visitedAt} <= now() - make_interval(secs => ${ageSec})`)
      .orderBy(listings.visitedAt)
      .limit(count)
      .for('update', { skipLocked: true });
    return this.#db.update(listings).set({ visitedAt: sql`now()` }).where(inArray(listings.id, due)).returning(columns);
  }

  /** Changes after `seq`, oldest first, as they were when they happened. */
  async changesAfter(seq: bigint, count: number): Promise<ChangeRow[]> {
    const rows = await this.#db
      .select({ ...columns, seq: changes.seq, status: changes.status, isServing: changes.isServing })
      .from(changes)
      .innerJoin(listings, eq(listings.id, changes.listingId))
      .where(sql`${changes.seq} > ${seq}`)
      .orderBy(changes.seq)
      .limit(count);
    return rows.map(({ seq: at, ...listing }) => ({ seq: at, listing }));
  }

  async isReachable(): Promise<boolean> {
    return this.#db.execute(sql`select 1`).then(
      () => true,
      () => false,
    );
  }

  async #newest(where: SQL | undefined): Promise<ListingRow | undefined> {
    const [row] = await this.#db
      .select(columns)
      .from(listings)
      .where(where)
      .orderBy(desc(listings.tenure), desc(listings.version))
      .limit(1);
    return row;
  }

  async #change(digest: Uint8Array, set: Change): Promise<ListingRow | undefined> {
    // Most visits find everything as it was: they wait for no writer.
    const seen = await this.byDigest(digest);
    if (seen === undefined || !alters(seen, set)) return seen;
    return this.#changing(async (tx) => {
      const row = await byDigest(tx, digest);
      return row === undefined || !alters(row, set) ? row : this.#set(tx, row.id, set);
    });
  }

  /** What its provider has deprecated stays deprecated. */
  async #reinstate(tx: NodePgDatabase, row: ListingRow, isServing: boolean): Promise<ListingRow> {
    const [before] = await tx
      .select({ status: changes.status })
      .from(changes)
      .where(and(eq(changes.listingId, row.id), ne(changes.status, 'superseded')))
      .orderBy(desc(changes.seq))
      .limit(1);
    await this.#replaceOthers(tx, row);
    await tx.update(listings).set({ visitedAt: sql`now()` }).where(eq(listings.id, row.id));
    return this.#set(tx, row.id, { status: before?.status ?? 'active', isServing });
  }

  /** An asset has one listing in force. Older ones are not even visited any more. */
  async #replaceOthers(tx: NodePgDatabase, { id, asset, tenure, version }: ListingRow): Promise<void> {
    const others = and(eq(listings.asset, asset), ne(listings.id, id));
    const replaced = await tx
      .select(columns)
      .from(listings)
      .where(and(others, ne(listings.status, 'superseded')));
    for (const other of replaced) await this.#set(tx, other.id, { status: 'superseded' });
    await tx
      .update(listings)
      .set({ visitedAt: sql`'infinity'` })
      .where(and(others, sql`(${listings.tenure}, ${listings.version}) < (${tenure}, ${version})`));
  }

  async #set(tx: NodePgDatabase, id: bigint, set: Change): Promise<ListingRow> {
    const [row] = await tx.update(listings).set(set).where(eq(listings.id, id)).returning(columns);
    await this.#tell(tx, row as ListingRow);
    return row as ListingRow;
  }

  async #tell(tx: NodePgDatabase, row: ListingRow): Promise<void> {
    await tx.execute(sql`
      insert into registry.change (seq, listing_id, status, is_serving)
      select coalesce(max(seq), 0) + 1, ${row.id}, ${row.status}, ${row.isServing} from registry.change`);
    // Sent at commit, once a transaction.
    await tx.execute(sql`select pg_notify(${CHANGE_CHANNEL}, '')`);
  }

  /**
   * One writer at a time: changes are rare, and their sequence must grow in the order in which they become visible.
   * Who waits here holds no connection: those of the pool are for the one whose turn it is, and for readers.
   */
  #changing<T>(work: (tx: NodePgDatabase) => Promise<T>): Promise<T> {
    return this.#turns.take('change', () =>
      inTransaction(this.#pool, async (tx) => {
        await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended('weft registry change', 0))`);
        return work(tx);
      }),
    );
  }
}

async function byDigest(db: NodePgDatabase, digest: Uint8Array): Promise<ListingRow | undefined> {
  const [row] = await db
    .select(columns)
    .from(listings)
    .where(eq(listings.digest, asBuffer(digest)));
  return row;
}

function alters(row: ListingRow, { status = row.status, isServing = row.isServing }: Change): boolean {
  // What is replaced stays replaced.
  if (row.status === 'superseded' && status !== row.status) return false;
  return status !== row.status || isServing !== row.isServing;
}
