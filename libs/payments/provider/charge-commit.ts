import pg from 'pg';
import { WeftError } from '#core/errors.js';
import { asBuffer } from '#platform/as-buffer.js';
import { keyOf } from '#platform/key-of.js';
import { byteaArray, numberArray } from './bytea-array.js';
import { GroupCommit, type Settled } from './group-commit.js';

/** What pays for calls: money in a channel, or a licence, which counts calls. Their rows have the columns in common that charging needs. */
export type AccountTable = 'channel' | 'licence';

/** One served call, ready to be charged. Byte strings as in PROTOCOL: ids and digests 32 bytes, addresses 20. */
export interface Charge {
  /** The account: a channel's id, or a licence's. */
  readonly channel: Uint8Array;
  /** The highest voucher of the account that this process has seen; must cover the call. */
  readonly authorised: bigint;
  readonly voucher: Uint8Array;
  /** In whose scope the call's id is one call: the channel's payer, or the licence's id. */
  readonly payer: Uint8Array;
  readonly callId: Uint8Array;
  readonly commitment: Uint8Array;
  /** The signed receipt, a `weft.payment.v1.Receipt`. */
  readonly receipt: Uint8Array;
  /** Stored in the row. */
  readonly response: Uint8Array | null;
  /** Or: digest of the file that holds it, which is durable already. */
  readonly body: Uint8Array | null;
  /** Minor units; of a pass, calls. */
  readonly amount: bigint;
  readonly atSec: number;
}

/** `known`: the call id has a row already, and it is not this charge's. */
export type ChargeResult =
  | { readonly outcome: 'charged'; readonly spent: bigint; readonly authorised: bigint }
  | { readonly outcome: 'known' };

const LIMITS = { items: 256, size: 8 * 1024 * 1024 };
/** How often, and how far apart, a commit is tried whose fate is unknown. */
const RETRY_PAUSES_MS = [50, 200, 750];

/**
 * Charges calls in groups: one statement inserts the calls' rows, adds to `spent` of their channels and keeps each
 * channel's highest voucher. The primary key lets a call id in once; the channel's CHECKs refuse what is not
 * authorised or not covered, whatever this or another replica believed. One bad item undoes the statement, so
 * then each item of the group goes alone.
 */
export class ChargeCommit {
  readonly #group: GroupCommit<Charge, ChargeResult>;

  constructor(
    private readonly pool: pg.Pool,
    private readonly table: AccountTable,
  ) {
    this.#group = new GroupCommit((charges) => this.#commitGroup(charges), sizeOf, LIMITS);
  }

  /**
   * Durable when it resolves to `charged`. Errors: UNDERPAID and CHANNEL_CLOSED (nothing was charged),
   * LEDGER_UNAVAILABLE (it may have been).
   */
  async add(charge: Charge): Promise<ChargeResult> {
    return await this.#group.add(charge);
  }

  async settled(): Promise<void> {
    await this.#group.settled();
  }

  async #commitGroup(charges: readonly Charge[]): Promise<Settled<ChargeResult>[]> {
    try {
      return (await this.#commit(charges)).map((value) => ({ value }));
    } catch (error) {
      if (charges.length === 1 || error instanceof WeftError) return charges.map(() => ({ error: explain(error) }));
    }
    const outcomes: Settled<ChargeResult>[] = [];
    for (const charge of charges) {
      try {
        const [value] = await this.#commit([charge]);
        outcomes.push({ value: value! });
      } catch (error) {
        outcomes.push({ error: explain(error) });
      }
    }
    return outcomes;
  }

  /**
   * A statement whose answer got lost may have been committed, or may yet be. Saying it again is safe, since the key
   * decides, and it settles the question: the second waits for the first.
   */
  async #commit(charges: readonly Charge[]): Promise<ChargeResult[]> {
    for (let attempt = 0; ; attempt++) {
      try {
        const results = await this.#execute(charges);
        return attempt === 0 ? results : await this.#recogniseOwn(charges, results);
      } catch (error) {
        if (isAnswer(error)) throw error;
        const pause = RETRY_PAUSES_MS[attempt];
        if (pause === undefined) throw ledgerUnavailable(error);
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  async #execute(charges: readonly Charge[]): Promise<ChargeResult[]> {
    const { rows } = await this.pool.query<ChargedRow>(
      charges.length === 1 ? single(this.table, charges[0]!) : several(this.table, charges),
    );
    // Of two charges with one key the first was kept.
    const kept = new Map(rows.map((row) => [callKey(row.payer, row.call_id), row]));
    return charges.map(({ payer, callId }) => {
      const key = callKey(payer, callId);
      const row = kept.get(key);
      if (row === undefined) return { outcome: 'known' };
      kept.delete(key);
      return { outcome: 'charged', spent: BigInt(row.spent), authorised: BigInt(row.authorised) };
    });
  }

  /** After a lost answer: a row that carries this very receipt is the earlier attempt's. */
  async #recogniseOwn(charges: readonly Charge[], results: ChargeResult[]): Promise<ChargeResult[]> {
    return await Promise.all(
      results.map(async (result, i) => {
        if (result.outcome === 'charged') return result;
        const { payer, callId, receipt } = charges[i]!;
        const { rows } = await this.pool.query<{ spent: string; authorised: string }>(
          `select h.spent, h.authorised from provider.call c join provider.${this.table} h on h.id = c.channel
            where c.payer = $1 and c.call_id = $2 and c.proof = $3`,
          [payer, callId, receipt],
        );
        const [row] = rows;
        if (row === undefined) return result;
        return { outcome: 'charged' as const, spent: BigInt(row.spent), authorised: BigInt(row.authorised) };
      }),
    );
  }
}

/** What one statement kept. */
interface ChargedRow {
  readonly payer: Buffer;
  readonly call_id: Buffer;
  readonly spent: string;
  readonly authorised: string;
}

const callKey = (payer: Uint8Array, callId: Uint8Array): string => keyOf(payer) + keyOf(callId);

/** The same as `several` for one charge: planned and run in half the time, which a caller without company waits for. */
const single = (table: AccountTable, charge: Charge): pg.QueryConfig => ({
  name: `provider-charge-${table}`,
  text: chargeOne[table],
  values: [
    asBuffer(charge.channel),
    asBuffer(charge.payer),
    asBuffer(charge.callId),
    asBuffer(charge.commitment),
    asBuffer(charge.receipt),
    charge.response && asBuffer(charge.response),
    charge.body && asBuffer(charge.body),
    String(charge.amount),
    charge.atSec,
    String(charge.authorised),
    asBuffer(charge.voucher),
  ],
});

const chargeOneIn = (table: AccountTable): string => `
with kept as (
  insert into provider.call (channel, payer, call_id, state, commitment, proof, response, body, amount, at_sec)
  select id, $2, $3, 'CHARGED', $4, $5, $6, $7, $8, $9 from provider.${table} where id = $1
  on conflict do nothing
  returning payer, call_id
)
update provider.${table} c
   set spent = c.spent + $8,
       calls = c.calls + 1,
       voucher = case when $10 > c.authorised then $11 else c.voucher end,
       authorised = greatest(c.authorised, $10),
       unclaimed_since_sec = coalesce(c.unclaimed_since_sec, $9)
  from kept k
 where c.id = $1
returning k.payer, k.call_id, c.spent, c.authorised`;

const chargeOne = { channel: chargeOneIn('channel'), licence: chargeOneIn('licence') };

function several(table: AccountTable, charges: readonly Charge[]): pg.QueryConfig {
  const accounts = highestVouchers(charges);
  // One order for all replicas, so that none waits for a key of another that waits for one of its own.
  const items = [...charges].sort((a, b) => Buffer.compare(a.payer, b.payer) || Buffer.compare(a.callId, b.callId));
  return {
    name: `provider-charges-${table}`,
    text: chargeSeveral[table],
    values: [
      byteaArray(accounts.map((each) => each.channel)),
      numberArray(accounts.map((each) => each.authorised)),
      byteaArray(accounts.map((each) => each.voucher)),
      byteaArray(items.map((each) => each.channel)),
      byteaArray(items.map((each) => each.payer)),
      byteaArray(items.map((each) => each.callId)),
      byteaArray(items.map((each) => each.commitment)),
      byteaArray(items.map((each) => each.receipt)),
      byteaArray(items.map((each) => each.response)),
      byteaArray(items.map((each) => each.body)),
      numberArray(items.map((each) => each.amount)),
      numberArray(items.map((each) => each.atSec)),
    ],
  };
}

const chargeSeveralIn = (table: AccountTable): string => `
with kept as (
  insert into provider.call (channel, payer, call_id, state, commitment, proof, response, body, amount, at_sec)
  select c.id, i.payer, i.call_id, 'CHARGED', i.commitment, i.proof, i.response, i.body, i.amount, i.at_sec
    from unnest($4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[], $8::bytea[], $9::bytea[], $10::bytea[],
                $11::numeric[], $12::bigint[])
      with ordinality as i(channel, payer, call_id, commitment, proof, response, body, amount, at_sec, n)
    join provider.${table} c on c.id = i.channel
   order by i.n
  on conflict do nothing
  returning payer, call_id, channel, amount, at_sec
), earned as (
  select channel, sum(amount) as amount, count(*) as calls, min(at_sec) as since from kept group by channel
), paid as (
  update provider.${table} c
     set spent = c.spent + e.amount,
         calls = c.calls + e.calls,
         voucher = case when a.authorised > c.authorised then a.voucher else c.voucher end,
         authorised = greatest(c.authorised, a.authorised),
         unclaimed_since_sec = coalesce(c.unclaimed_since_sec, e.since)
    from earned e join unnest($1::bytea[], $2::numeric[], $3::bytea[]) as a(id, authorised, voucher) on a.id = e.channel
   where c.id = e.channel
  returning c.id, c.spent, c.authorised
)
select k.payer, k.call_id, p.spent, p.authorised from kept k join paid p on p.id = k.channel`;

const chargeSeveral = { channel: chargeSeveralIn('channel'), licence: chargeSeveralIn('licence') };

/** Of each account the charge that brings its highest voucher. */
function highestVouchers(charges: readonly Charge[]): Charge[] {
  const highest = new Map<string, Charge>();
  for (const charge of charges) {
    const key = keyOf(charge.channel);
    const known = highest.get(key);
    if (known === undefined || charge.authorised > known.authorised) highest.set(key, charge);
  }
  return [...highest.values()];
}

const sizeOf = (charge: Charge): number => 512 + (charge.response?.length ?? 0);

/** Whether the database itself refused, and so certainly did not commit. Shutdown and lost connections are no answer. */
export const isAnswer = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && !/^(57P|08|58)/.test(error.code ?? '');

export function explain(error: unknown): WeftError {
  if (error instanceof WeftError) return error;
  if (!(error instanceof pg.DatabaseError)) return ledgerUnavailable(error);
  if (error.constraint === 'channel_spent_authorised')
    return new WeftError('UNDERPAID', 'the voucher no longer covers the call; other calls used it up', {});
  if (error.constraint === 'channel_spent_ceiling')
    return new WeftError(
      'CHANNEL_EMPTY',
      'the channel no longer holds enough for the call, or no longer takes calls',
      {},
    );
  if (error.constraint === 'licence_signed')
    return new WeftError('UNDERPAID', 'the use no longer covers the call; other calls used it up', {});
  if (error.constraint === 'licence_ceiling')
    return new WeftError('LICENCE_USED_UP', 'the licence no longer has a call left, or takes none while it is sealed');
  return ledgerUnavailable(error);
}

export const ledgerUnavailable = (cause: unknown): WeftError =>
  new WeftError('LEDGER_UNAVAILABLE', "the provider's ledger does not answer; try again", {}, { cause });
