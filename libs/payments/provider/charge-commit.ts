import pg from 'pg';
import { WeftError } from '#core/errors.js';
import { byteaArray, numberArray } from './bytea-array.js';
import { GroupCommit, type Settled } from './group-commit.js';

/** One served call, ready to be charged. Byte strings as in PROTOCOL: ids and digests 32 bytes, addresses 20. */
export interface Charge {
  readonly channel: Uint8Array;
  /** The highest voucher of the channel that this process has seen; must cover the call. */
  readonly authorised: bigint;
  readonly voucher: Uint8Array;
  readonly payer: Uint8Array;
  readonly callId: Uint8Array;
  readonly commitment: Uint8Array;
  /** The signed receipt, a `weft.payment.v1.Receipt`. */
  readonly receipt: Uint8Array;
  /** Stored in the row. */
  readonly response: Uint8Array | null;
  /** Or: digest of the file that holds it, which is durable already. */
  readonly body: Uint8Array | null;
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

  constructor(private readonly pool: pg.Pool) {
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
    const accounts = [...highestVouchers(charges).values()];
    const { rows } = await this.pool.query<{ n: string; spent: string; authorised: string }>({
      name: 'provider-charge',
      text: CHARGE,
      values: [
        byteaArray(accounts.map((each) => each.channel)),
        numberArray(accounts.map((each) => each.authorised)),
        byteaArray(accounts.map((each) => each.voucher)),
        byteaArray(charges.map((each) => each.channel)),
        byteaArray(charges.map((each) => each.payer)),
        byteaArray(charges.map((each) => each.callId)),
        byteaArray(charges.map((each) => each.commitment)),
        byteaArray(charges.map((each) => each.receipt)),
        byteaArray(charges.map((each) => each.response)),
        byteaArray(charges.map((each) => each.body)),
        numberArray(charges.map((each) => each.amount)),
        numberArray(charges.map((each) => each.atSec)),
      ],
    });
    const results: ChargeResult[] = charges.map(() => ({ outcome: 'known' }));
    for (const { n, spent, authorised } of rows)
      results[Number(n) - 1] = { outcome: 'charged', spent: BigInt(spent), authorised: BigInt(authorised) };
    return results;
  }

  /** After a lost answer: a row that carries this very receipt is the earlier attempt's. */
  async #recogniseOwn(charges: readonly Charge[], results: ChargeResult[]): Promise<ChargeResult[]> {
    return await Promise.all(
      results.map(async (result, i) => {
        if (result.outcome === 'charged') return result;
        const { payer, callId, receipt } = charges[i]!;
        const { rows } = await this.pool.query<{ spent: string; authorised: string }>(
          `select h.spent, h.authorised from provider.call c join provider.channel h on h.id = c.channel
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

const CHARGE = `
with account as (
  select * from unnest($1::bytea[], $2::numeric[], $3::bytea[]) as a(id, authorised, voucher)
), item as materialized (
  select * from unnest($4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[], $8::bytea[], $9::bytea[], $10::bytea[],
                       $11::numeric[], $12::bigint[])
    with ordinality as i(channel, payer, call_id, commitment, proof, response, body, amount, at_sec, n)
), kept as (
  insert into provider.call (channel, payer, call_id, state, commitment, proof, response, body, amount, at_sec)
  select i.channel, i.payer, i.call_id, 'CHARGED', i.commitment, i.proof, i.response, i.body, i.amount, i.at_sec
    from item i join provider.channel c on c.id = i.channel
   order by i.payer, i.call_id
  on conflict do nothing
  returning payer, call_id, channel, amount, at_sec, proof
), earned as (
  select channel, sum(amount) as amount, count(*) as calls, min(at_sec) as since from kept group by channel
), paid as (
  update provider.channel c
     set spent = c.spent + e.amount,
         calls = c.calls + e.calls,
         voucher = case when a.authorised > c.authorised then a.voucher else c.voucher end,
         authorised = greatest(c.authorised, a.authorised),
         unclaimed_since_sec = coalesce(c.unclaimed_since_sec, e.since)
    from earned e join account a on a.id = e.channel
   where c.id = e.channel
  returning c.id, c.spent, c.authorised
)
select i.n, p.spent, p.authorised
  from item i join kept k on k.payer = i.payer and k.call_id = i.call_id and k.proof = i.proof join paid p on p.id = k.channel`;

function highestVouchers(charges: readonly Charge[]): Map<string, Charge> {
  const highest = new Map<string, Charge>();
  for (const charge of charges) {
    const key = Buffer.from(charge.channel).toString('latin1');
    const known = highest.get(key);
    if (known === undefined || charge.authorised > known.authorised) highest.set(key, charge);
  }
  return highest;
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
  return ledgerUnavailable(error);
}

export const ledgerUnavailable = (cause: unknown): WeftError =>
  new WeftError('LEDGER_UNAVAILABLE', "the provider's ledger does not answer; try again", {}, { cause });
