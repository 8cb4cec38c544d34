import { sql } from 'drizzle-orm';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import type pg from 'pg';
import { inTransaction } from '#platform/db/transaction.js';

/** Something that does not answer is still found, behind what does. */
const ASLEEP = 0.2;

/**
 * Ids of active listings that fit the words, best first: those with all words (or the operators of a web search),
 * then those with some, then those whose names are nearly so. Any text is a valid search.
 */
export async function searchListings(pool: pg.Pool, words: string, limit: number): Promise<bigint[]> {
  const db = drizzle(pool);
  const found: bigint[] = [];
  for (const stage of [all, some, near]) {
    if (found.length >= limit) break;
    const rows = await stage(db, words, limit, pool);
    for (const id of rows) if (!found.includes(id) && found.length < limit) found.push(id);
  }
  return found;
}

type Stage = (db: NodePgDatabase, words: string, limit: number, pool: pg.Pool) => Promise<bigint[]>;

const all: Stage = (db, words, limit) => matching(db, sql`websearch_to_tsquery('english', ${words})`, limit);

/** plainto_tsquery joins its words with AND; the text form of a query is unambiguous, so that can be exchanged. */
const some: Stage = (db, words, limit) =>
  matching(db, sql`replace(plainto_tsquery('english', ${words})::text, '&', '|')::tsquery`, limit);

async function matching(db: NodePgDatabase, query: ReturnType<typeof sql>, limit: number): Promise<bigint[]> {
  const { rows } = await db.execute<{ id: string }>(sql`
    select id from registry.listing, (select ${query} as query) q
    where status = 'active' and search @@ query
    order by ts_rank_cd(search, query, 1) * case when is_serving then 1 else ${ASLEEP}::float8 end desc, id desc
    limit ${limit}`);
  return rows.map(({ id }) => BigInt(id));
}

/** Two letters in the wrong order make about 0.45 of a word's trigrams the same. */
const NEAR_ENOUGH = '0.4';

const near: Stage = async (db, words, limit, pool) => {
  const { rows: extension } = await db.execute(sql`select 1 from pg_extension where extname = 'pg_trgm'`);
  if (extension.length === 0) return [];
  return inTransaction(pool, async (tx) => {
    await tx.execute(sql`select set_config('pg_trgm.word_similarity_threshold', ${NEAR_ENOUGH}, true)`);
    const { rows } = await tx.execute<{ id: string }>(sql`
      select id from registry.listing
      where status = 'active' and lower(${words}) <% names
      order by word_similarity(lower(${words}), names) * case when is_serving then 1 else ${ASLEEP}::float8 end desc, id desc
      limit ${limit}`);
    return rows.map(({ id }) => BigInt(id));
  });
};
