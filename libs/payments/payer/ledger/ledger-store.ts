import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { WeftError } from '#core/errors.js';
import { asBuffer } from '#platform/as-buffer.js';
import { KnownIds } from './known-ids.js';
import { addHeldJob } from './ledger.js';
import {
  type CallRow,
  type ChannelRow,
  callFromRow,
  channelFromRow,
  holdAgain,
  type JobRow,
  jobFromRow,
  type QuoteRow,
  quoteFromRow,
  type TokenRow,
  tokenFromRow,
} from './ledger-rows.js';
import {
  addLoose,
  type CallEntry,
  type ChannelEntry,
  idKey,
  type JobEntry,
  type QuoteEntry,
  type TokenEntry,
} from './ledger-state.js';

export interface LedgerOwner {
  /** 20 bytes. */
  readonly payer: Uint8Array;
  readonly chainId: bigint;
  /** 20 bytes. */
  readonly escrow: Uint8Array;
}

/** Rows that belong to one instant of the ledger. */
export interface Rows {
  readonly channels: readonly object[];
  readonly quotes: readonly object[];
  readonly calls: readonly object[];
  readonly jobs: readonly object[];
  readonly tokens: readonly object[];
  readonly barred: readonly object[];
}

export interface LoadedLedger {
  readonly channels: Map<string, ChannelEntry>;
  /** Open ones, and those that still hold money. */
  readonly quotes: Map<string, QuoteEntry>;
  /** Those that still hold money. */
  readonly calls: Map<string, CallEntry>;
  /** Those that still hold money. */
  readonly jobs: Map<string, JobEntry>;
  readonly tokens: Map<string, TokenEntry>;
  readonly barred: Map<bigint, string>;
  readonly knownIds: KnownIds;
}

/** A killed wallet's session ends a moment after it. */
const LOCK_WAIT_MS = 5_000;
const RETRY_MS = [20, 100, 500, 1_000];

/**
 * The one writer of a payer's ledger in PostgreSQL. Lock and writes share a session: whoever has lost the lock cannot
 * write either. After a lost connection the lock is taken again and the ledger goes on, unless another writer has
 * been there in between.
 */
export class LedgerStore {
  #client: pg.Client | undefined;
  /** A session does one thing at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  #epoch = 0n;
  #searchedToBlock: number | undefined;
  #closed = false;

  private constructor(
    private readonly connectionString: string,
    private readonly owner: LedgerOwner,
  ) {}

  /** Schema `payer` must be there. Errors: LEDGER_IN_USE, WRONG_CHAIN, WRONG_ESCROW, LEDGER_UNAVAILABLE, CONFIG_INVALID. */
  static async open(connectionString: string, owner: LedgerOwner): Promise<LedgerStore> {
    const store = new LedgerStore(connectionString, owner);
    const client = await store.#connect();
    try {
      await store.#register(client);
      store.#client = client;
      return store;
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
  }

  /** Up to which block the chain was searched for channels and jobs that are not in here; undefined: never. */
  get searchedToBlock(): number | undefined {
    return this.#searchedToBlock;
  }

  async markSearchedTo(block: number): Promise<void> {
    await this.query('update payer.ledger set searched_to_block = $1', [block]);
    this.#searchedToBlock = block;
  }

  async load(): Promise<LoadedLedger> {
    const all = async <R extends pg.QueryResultRow>(text: string) => (await this.query<R>(text)).rows;
    const tokens = new Map<string, TokenEntry>();
    for (const row of await all<TokenRow>('select * from payer.token')) tokens.set(row.name, tokenFromRow(row));
    const channels = new Map<string, ChannelEntry>();
    const channelRows = await all<ChannelRow>('select * from payer.channel');
    for (const row of channelRows) channels.set(idKey(row.id), channelFromRow(row, this.owner.payer));
    const quotes = new Map<string, QuoteEntry>();
    for (const row of await all<QuoteRow>(QUOTES_IN_USE))
      quotes.set(idKey(row.id), quoteFromRow(row, channels, tokens));
    for (const quote of quotes.values())
      if (!quote.closed) for (const { channel } of quote.pins) channel?.quotes.add(quote);
    const calls = new Map<string, CallEntry>();
    for (const row of await all<CallRow>(`select * from payer.call where state in ('RESERVED', 'DOUBT', 'DISPUTED')`)) {
      const entry = callFromRow(
        row,
        channels.get(idKey(row.channel))!,
        row.quote ? quotes.get(idKey(row.quote)) : undefined,
      );
      holdAgain(entry);
      calls.set(entry.key, entry);
    }
    const jobs = new Map<string, JobEntry>();
    for (const row of await all<JobRow>(`select * from payer.job where state in ${OPEN_JOB}`)) {
      const entry = jobFromRow(row, row.quote === null ? undefined : quotes.get(idKey(row.quote)));
      addHeldJob(entry);
      jobs.set(entry.key, entry);
    }
    for (const row of channelRows)
      for (const { quote, day, amount } of row.loose)
        addLoose(channels.get(idKey(row.id))!, quotes.get(quote)!, day, BigInt(amount));
    const barred = new Map<bigint, string>();
    for (const row of await all<{ asset: string; why: string }>('select * from payer.barred'))
      barred.set(BigInt(row.asset), row.why);
    return { channels, quotes, calls, jobs, tokens, barred, knownIds: await this.#knownIds() };
  }

  /** Durable when it resolves. Errors: LEDGER_UNAVAILABLE; whether the rows were written is then unknown, and writing them again is right. */
  async write(rows: Rows): Promise<void> {
    await this.query('payer-write', WRITE, [JSON.stringify(rows)]);
  }

  async call(id: Uint8Array): Promise<CallRow | undefined> {
    return (await this.query<CallRow>('select * from payer.call where id = $1', [asBuffer(id)])).rows[0];
  }

  async job(callId: Uint8Array): Promise<JobRow | undefined> {
    return (await this.query<JobRow>('select * from payer.job where call_id = $1', [asBuffer(callId)])).rows[0];
  }

  /** The jobs funded last, whatever became of them. */
  async jobs(limit: number): Promise<JobRow[]> {
    return (await this.query<JobRow>('select * from payer.job order by expires_at_sec desc limit $1', [limit])).rows;
  }

  async quote(id: Uint8Array): Promise<QuoteRow | undefined> {
    return (await this.query<QuoteRow>('select * from payer.quote where id = $1', [asBuffer(id)])).rows[0];
  }

  /** The call whose voucher on a channel is the highest. */
  async highestCall(channel: Uint8Array): Promise<CallRow | undefined> {
    const { rows } = await this.query<CallRow>(
      `select * from payer.call where channel = $1 and quote is not null order by cumulative desc limit 1`,
      [asBuffer(channel)],
    );
    return rows[0];
  }

  /** Encoded receipts of a channel, `limit` at a time, after call id `after`. */
  async receipts(channel: Uint8Array, after: Uint8Array, limit: number): Promise<{ id: Buffer; receipt: Buffer }[]> {
    const { rows } = await this.query<{ id: Buffer; receipt: Buffer }>(
      `select id, receipt from payer.call where channel = $1 and receipt is not null and id > $2 order by id limit $3`,
      [asBuffer(channel), asBuffer(after), limit],
    );
    return rows;
  }

  /** The same of all channels. */
  async allReceipts(after: Uint8Array, limit: number): Promise<{ id: Buffer; receipt: Buffer }[]> {
    const { rows } = await this.query<{ id: Buffer; receipt: Buffer }>(
      'select id, receipt from payer.call where receipt is not null and id > $1 order by id limit $2',
      [asBuffer(after), limit],
    );
    return rows;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#client?.end().catch(() => {});
  }

  async query<R extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<pg.QueryResult<R>>;
  async query<R extends pg.QueryResultRow>(name: string, text: string, values: unknown[]): Promise<pg.QueryResult<R>>;
  async query<R extends pg.QueryResultRow>(
    a: string,
    b?: string | unknown[],
    c?: unknown[],
  ): Promise<pg.QueryResult<R>> {
    const turn = this.#turn.then(async () => {
      this.#client ??= await this.#reconnect();
      return typeof b === 'string'
        ? await this.#client.query<R>({ name: a, text: b, values: c as unknown[] })
        : await this.#client.query<R>(a, b);
    });
    this.#turn = turn.catch(() => {});
    try {
      return await turn;
    } catch (error) {
      throw ledgerUnavailable(error);
    }
  }

  async #knownIds(): Promise<KnownIds> {
    const known = new KnownIds();
    const page = 50_000;
    let after: Buffer = Buffer.alloc(0);
    for (let size = page; size === page; ) {
      const { rows } = await this.query<{ id: Buffer }>(
        'select id from payer.call where id > $1 order by id limit $2',
        [after, page],
      );
      for (const { id } of rows) known.add(id);
      size = rows.length;
      after = rows.at(-1)?.id ?? after;
    }
    return known;
  }

  /** Makes this process the writer. */
  async #register(client: pg.Client): Promise<void> {
    const { payer, chainId, escrow } = this.owner;
    await client.query(
      `insert into payer.ledger (payer, chain_id, escrow) values ($1, $2, $3) on conflict do nothing`,
      [asBuffer(payer), String(chainId), asBuffer(escrow)],
    );
    const { rows } = await client.query<{
      payer: Buffer;
      chain_id: string;
      escrow: Buffer;
      epoch: string;
      searched_to_block: string | null;
    }>('update payer.ledger set epoch = epoch + 1 returning *');
    const row = rows[0]!;
    if (!row.payer.equals(payer))
      throw new WeftError(
        'CONFIG_INVALID',
        `this ledger belongs to payer 0x${row.payer.toString('hex')}, not to this key`,
      );
    if (BigInt(row.chain_id) !== chainId)
      throw new WeftError('WRONG_CHAIN', `this ledger belongs to chain ${row.chain_id}, not ${chainId}`);
    if (!row.escrow.equals(escrow))
      throw new WeftError('WRONG_ESCROW', `this ledger belongs to escrow 0x${row.escrow.toString('hex')}`);
    this.#epoch = BigInt(row.epoch);
    this.#searchedToBlock = row.searched_to_block === null ? undefined : Number(row.searched_to_block);
  }

  async #reconnect(): Promise<pg.Client> {
    if (this.#closed) throw new Error('the ledger is closed');
    const client = await this.#connect();
    const { rows } = await client.query<{ epoch: string }>('select epoch from payer.ledger');
    if (BigInt(rows[0]?.epoch ?? 0) === this.#epoch) return client;
    await client.end();
    throw new WeftError('LEDGER_IN_USE', 'another wallet has taken this ledger over; restart this one when it is gone');
  }

  /** A session that holds the ledger's lock. */
  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.connectionString,
      keepAlive: true,
      application_name: 'weft wallet',
      // To plan the write anew for every group costs more than to run it.
      options: '-c plan_cache_mode=force_generic_plan',
    });
    // Any error here means that the session is gone; the next query makes another.
    const drop = () => {
      if (this.#client === client) this.#client = undefined;
    };
    client.on('error', drop);
    client.on('end', drop);
    try {
      await client.connect();
      await lock(client);
      return client;
    } catch (error) {
      await client.end().catch(() => {});
      throw ledgerUnavailable(error);
    }
  }
}

async function lock(client: pg.Client): Promise<void> {
  const until = Date.now() + LOCK_WAIT_MS;
  for (let attempt = 0; ; attempt++) {
    const { rows } = await client.query<{ locked: boolean }>(
      `select pg_try_advisory_lock(hashtextextended('weft payer ledger', 0)) as locked`,
    );
    if (rows[0]?.locked) return;
    if (Date.now() >= until) break;
    await delay(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]);
  }
  throw new WeftError(
    'LEDGER_IN_USE',
    'another wallet is using this ledger; a ledger has one writer: stop the other wallet, or give this one a database of its own',
  );
}

export function ledgerUnavailable(error: unknown): WeftError {
  if (error instanceof WeftError) return error;
  return new WeftError(
    'LEDGER_UNAVAILABLE',
    "the wallet's database does not answer; check that PostgreSQL runs (locally: npm start)",
    {},
    { cause: error },
  );
}

const OPEN_JOB = `('FUNDING', 'FUNDED', 'SUBMITTED')`;

const QUOTES_IN_USE = `
  select * from payer.quote
   where not closed
      or id in (select quote from payer.call where state in ('RESERVED', 'DOUBT', 'DISPUTED'))
      or id in (select quote from payer.job where state in ${OPEN_JOB})
      or id in (select decode(l ->> 'quote', 'hex') from payer.channel, jsonb_array_elements(loose) l)`;

const upsert = (table: string, rows: string, key: string, columns: readonly string[]): string =>
  `insert into payer.${table} select * from jsonb_populate_recordset(null::payer.${table}, $1::jsonb -> '${rows}')
   on conflict (${key}) do update set ${columns.map((column) => `${column} = excluded.${column}`).join(', ')}`;

/** One statement, hence one instant of the ledger or nothing of it. Columns that never change are not set again. */
const WRITE = `with
  tokens as (${upsert('token', 'tokens', 'name', ['hash', 'revoked', 'settled', 'day', 'day_spent'])}),
  channels as (${upsert('channel', 'channels', 'id', [
    'status',
    'deposited',
    'claimed',
    'expires_at_sec',
    'signed',
    'settled',
    'ceiling',
    'loose',
    'imported',
    'operators',
    'endpoints',
  ])}),
  barred as (
    insert into payer.barred (asset, why)
    select asset, why from jsonb_populate_recordset(null::payer.barred, $1::jsonb -> 'barred')
    on conflict (asset) do nothing),
  quotes as (${upsert('quote', 'quotes', 'id', ['pins', 'expires_at_sec', 'signature', 'closed', 'settled'])}),
  jobs as (${upsert('job', 'jobs', 'call_id', [
    'quote',
    'step',
    'listing',
    'method',
    'request_digest',
    'state',
    'paid',
    'receipt',
  ])})
  ${upsert('call', 'calls', 'id', [
    'quote',
    'step',
    'listing',
    'method',
    'request_digest',
    'max_amount',
    'state',
    'cumulative',
    'day',
    'last_attempt_sec',
    'receipt',
  ])}`;
