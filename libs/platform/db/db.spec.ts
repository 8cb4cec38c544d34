import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import pg from 'pg';
import { createDatabase } from '#test/support/database.js';
import { onEnd } from '#test/support/on-end.js';
import { tempDir } from '#test/support/temp-dir.js';
import { startPostgres } from '../local/postgres.js';
import { migrate } from './migrate.js';
import { createPool } from './pool.js';

/** A folder as drizzle wants it, of one file per text. */
function migrations(...texts: string[]): URL {
  const folder = tempDir();
  mkdirSync(join(folder, 'meta'));
  const entries = texts.map((text, idx) => {
    const tag = `000${idx}_step`;
    writeFileSync(join(folder, `${tag}.sql`), text);
    return { idx, version: '7', when: 1_700_000_000_000 + idx, tag, breakpoints: true };
  });
  writeFileSync(join(folder, 'meta/_journal.json'), JSON.stringify({ version: '7', dialect: 'postgresql', entries }));
  return pathToFileURL(`${folder}/`);
}

const poolOf = (url: string) => {
  const pool = createPool(url);
  onEnd(() => pool.end());
  return pool;
};
const rowsOf = async (pool: pg.Pool, text: string) => (await pool.query(text)).rows;

describe('migrate', () => {
  it('is applied once when eight replicas start at the same time', async () => {
    const url = await createDatabase();
    const folder = migrations(
      "create type shop.kind as enum ('a', 'b');--> statement-breakpoint\ncreate table shop.item (kind shop.kind);",
      `insert into shop.item values ('a')`,
    );
    await Promise.all(Array.from({ length: 8 }, () => migrate(url, { folder, schema: 'shop' })));
    const pool = poolOf(url);
    expect(await rowsOf(pool, 'select kind from shop.item')).toEqual([{ kind: 'a' }]);
    expect(await rowsOf(pool, 'select count(*)::int as files from shop.migration')).toEqual([{ files: 2 }]);
  });

  it('keeps what each service has applied in its own schema', async () => {
    const url = await createDatabase();
    await Promise.all(
      ['one', 'two'].map((schema) => migrate(url, { folder: migrations(`create table ${schema}.t ()`), schema })),
    );
    const pool = poolOf(url);
    expect(await rowsOf(pool, 'select count(*)::int as n from one.migration')).toEqual([{ n: 1 }]);
    expect(await rowsOf(pool, `select to_regclass('two.t')::text as found`)).toEqual([{ found: 'two.t' }]);
  });

  it('changes nothing when a file fails, and lets the next try go on', async () => {
    const url = await createDatabase();
    const broken = migrations('create table shop.first ()', 'create table shop.second (', 'select 1');
    await expect(migrate(url, { folder: broken, schema: 'shop' })).rejects.toThrow();
    const pool = poolOf(url);
    expect(await rowsOf(pool, `select to_regclass('shop.first') as found`)).toEqual([{ found: null }]);
    await migrate(url, { folder: migrations('create table shop.first ()'), schema: 'shop' });
    expect(await rowsOf(pool, `select to_regclass('shop.first')::text as found`)).toEqual([{ found: 'shop.first' }]);
  });
});

describe('createPool', () => {
  beforeAll(() => Logger.overrideLogger(false));
  it('goes on after the database was restarted', async () => {
    const dir = tempDir();
    const first = await startPostgres({ dir, fsync: false });
    const pool = poolOf(first.url());
    await pool.query('select 1');
    const broke = new Promise((resolve) => pool.once('error', resolve));
    await first.stop();
    await broke;
    await expect(pool.query('select 1')).rejects.toThrow(/ECONNREFUSED/);
    const second = await startPostgres({ dir, port: first.port, fsync: false });
    onEnd(() => second.stop());
    expect(await rowsOf(pool, 'select 1 as one')).toEqual([{ one: 1 }]);
  });
});
