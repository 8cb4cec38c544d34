import type pg from 'pg';
import type { Channel } from '#contracts/escrow.js';
import { WeftError } from '#core/errors.js';
import { asBuffer } from '#platform/as-buffer.js';
import { escrowDomain } from '../typed-data.js';
import type { BodyStore } from './body-store.js';
import { ChargeCommit, type ChargeResult, ledgerUnavailable } from './charge-commit.js';
import { type Earnings, readEarnings } from './earnings.js';
import { EpochLedger } from './epoch-ledger.js';
import { JobLedger } from './job-ledger.js';
import { type ChannelRow, type LedgerChannel, type NewChannel, toChannel } from './ledger-channel.js';
import { LicenceLedger } from './licence-ledger.js';
import { storeResponse, type UnaryCharge } from './store-response.js';
import { StreamLedger } from './stream-ledger.js';

/** For `migrate`: the schema is `provider`. */
export const providerMigrations = new URL('./migrations', import.meta.url);

/** Which escrow a ledger is for, and the chain's state at the moment it is first opened. */
export interface LedgerHome {
  readonly chainId: bigint;
  /** 20 bytes. */
  readonly escrow: Uint8Array;
  /** Asked only when the ledger is new. */
  birth(): Promise<{ blockNumber: number; atSec: number }>;
}

/** A call's row. `proof` is the encoded, signed Receipt or Void. */
export interface LedgerCall {
  readonly channel: Uint8Array;
  readonly state: 'CHARGED' | 'VOID';
  readonly commitment: Uint8Array | undefined;
  readonly proof: Uint8Array;
  /** A stream that may still grow. */
  readonly running: boolean;
}

/**
 * The provider's ledger: channels and calls in PostgreSQL (schema `provider`), large responses in files beside it.
 * Any number of processes may work on one ledger.
 */
export class ProviderLedger {
  readonly streams: StreamLedger;
  readonly epochs: EpochLedger;
  readonly licences: LicenceLedger;
  readonly jobs: JobLedger;
  readonly #charges: ChargeCommit;

  private constructor(
    readonly pool: pg.Pool,
    readonly bodies: BodyStore,
    /** Channels opened in or before this block may have a past that this ledger never had. */
    readonly bornAtBlock: number,
    separator: Uint8Array,
  ) {
    this.epochs = new EpochLedger(pool, separator);
    this.streams = new StreamLedger(pool, bodies, 'channel');
    this.licences = new LicenceLedger(pool, bodies);
    this.jobs = new JobLedger(pool, bodies);
    this.#charges = new ChargeCommit(pool, 'channel');
  }

  /** The schema must be there. Errors: WRONG_CHAIN, WRONG_ESCROW if the ledger belongs elsewhere; LEDGER_UNAVAILABLE. */
  static async open(pool: pg.Pool, bodies: BodyStore, home: LedgerHome): Promise<ProviderLedger> {
    const read = async () => {
      const { rows } = await pool
        .query<{ chain_id: string; escrow: Buffer; born_at_block: string }>('select * from provider.ledger')
        .catch((error: unknown) => {
          throw ledgerUnavailable(error);
        });
      return rows[0];
    };
    let row = await read();
    if (row === undefined) {
      const birth = await home.birth();
      await pool.query(
        `insert into provider.ledger (chain_id, escrow, born_at_block, born_at_sec) values ($1, $2, $3, $4)
         on conflict do nothing`,
        [String(home.chainId), Buffer.from(home.escrow), birth.blockNumber, birth.atSec],
      );
      row = (await read())!;
    }
    if (BigInt(row.chain_id) !== home.chainId)
      throw new WeftError('WRONG_CHAIN', `the ledger belongs to chain ${row.chain_id}, not ${home.chainId}`);
    if (!row.escrow.equals(home.escrow))
      throw new WeftError('WRONG_ESCROW', `the ledger belongs to escrow 0x${row.escrow.toString('hex')}`);
    const separator = escrowDomain({ chainId: home.chainId, verifyingContract: home.escrow });
    return new ProviderLedger(pool, bodies, Number(row.born_at_block), separator);
  }

  async channel(id: Uint8Array): Promise<LedgerChannel | undefined> {
    const { rows } = await this.#query<ChannelRow>('select * from provider.channel where id = $1', [id]);
    return rows[0] && toChannel(rows[0]);
  }

  /** Takes a channel in as the chain shows it; one that is there already stays as it is. */
  async addChannel({ id, terms, onChain, wholeLife }: NewChannel): Promise<LedgerChannel> {
    const state = onChain.status === 'closed' ? 'CLOSED' : wholeLife ? 'OPEN' : 'RECONCILE';
    const ceiling = state === 'OPEN' ? onChain.deposited : onChain.claimed;
    await this.#query(
      `insert into provider.channel (id, payer, signer, asset, tenure, salt, state, authorised, spent, ceiling,
                                     deposited, claimed, expires_at_sec)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, $8, $11) on conflict do nothing`,
      [
        id,
        terms.payer,
        terms.signer,
        String(terms.asset),
        terms.tenure,
        String(terms.salt),
        state,
        String(onChain.claimed),
        String(ceiling),
        String(onChain.deposited),
        onChain.expiresAtSec,
      ],
    );
    return (await this.channel(id))!;
  }

  /**
   * Takes over what the chain shows now. A chain that has seen more claimed than this ledger has served tells that
   * the ledger was restored from an older copy.
   */
  async updateFromChain(id: Uint8Array, onChain: Channel): Promise<LedgerChannel> {
    const { rows } = await this.#query<ChannelRow>(
      `update provider.channel c
          set deposited = $2, claimed = $3, expires_at_sec = $4,
              state = n.state,
              spent = greatest(c.spent, $3), authorised = greatest(c.authorised, $3),
              ceiling = case when n.state = 'OPEN' then greatest(c.spent, $2) else greatest(c.spent, $3) end,
              unclaimed_since_sec = case when greatest(c.spent, $3) = $3 then null
                                         else coalesce(c.unclaimed_since_sec, extract(epoch from now())::bigint) end
         from (select id, case when $5 then 'CLOSED'
                               when state = 'CLOSED' then 'FROZEN' -- a reorg; what ended it may come again
                               when state = 'OPEN' and $3 > spent then 'RECONCILE'
                               else state end as state
                 from provider.channel where id = $1 for update) n
        where c.id = n.id
       returning c.*`,
      [id, String(onChain.deposited), String(onChain.claimed), onChain.expiresAtSec, onChain.status === 'closed'],
    );
    const [row] = rows;
    if (row === undefined) throw new WeftError('CHANNEL_UNKNOWN', 'the ledger has no such channel');
    return toChannel(row);
  }

  /** Ends the channel at what is spent now: nothing is charged on it afterwards. Durable when it resolves. */
  async freeze(id: Uint8Array): Promise<LedgerChannel | undefined> {
    const { rows } = await this.#query<ChannelRow>(
      `update provider.channel set state = 'FROZEN', ceiling = spent
        where id = $1 and state in ('OPEN', 'FROZEN') returning *`,
      [id],
    );
    return rows[0] && toChannel(rows[0]);
  }

  /** Keeps a voucher without a call, for a stream that runs elsewhere or goes on. Gives the channel as it then is. */
  async keepVoucher(id: Uint8Array, authorised: bigint, voucher: Uint8Array): Promise<LedgerChannel | undefined> {
    await this.#query(`update provider.channel set authorised = $2, voucher = $3 where id = $1 and authorised < $2`, [
      id,
      String(authorised),
      voucher,
    ]);
    return await this.channel(id);
  }

  /** Ids of all of a payer's calls, or undefined if there are more than `limit`. */
  async callIds(payer: Uint8Array, limit: number): Promise<Buffer[] | undefined> {
    const { rows } = await this.#query<{ call_id: Buffer }>(
      'select call_id from provider.call where payer = $1 limit $2',
      [payer, limit + 1],
    );
    return rows.length > limit ? undefined : rows.map((row) => row.call_id);
  }

  async call(payer: Uint8Array, callId: Uint8Array): Promise<LedgerCall | undefined> {
    const { rows } = await this.#query<{
      channel: Buffer;
      state: 'CHARGED' | 'VOID';
      commitment: Buffer | null;
      proof: Buffer;
      running: boolean;
    }>(
      `select channel, state, commitment, proof, owner is not null and owned_until >= now() as running
         from provider.call where payer = $1 and call_id = $2`,
      [payer, callId],
    );
    const [row] = rows;
    return row && { ...row, commitment: row.commitment ?? undefined };
  }

  /** The stored response of a charged unary call; undefined once it is past its time. */
  async response(payer: Uint8Array, callId: Uint8Array): Promise<Buffer | undefined> {
    const { rows } = await this.#query<{ response: Buffer | null; body: Buffer | null }>(
      'select response, body from provider.call where payer = $1 and call_id = $2',
      [payer, callId],
    );
    const [row] = rows;
    if (row === undefined) return undefined;
    return row.response ?? (row.body === null ? undefined : await this.bodies.get(row.body));
  }

  /**
   * Charges a served unary call; durable, with its response, when it resolves to `charged`. Errors: UNDERPAID,
   * CHANNEL_EMPTY (not charged), LEDGER_UNAVAILABLE (perhaps charged).
   */
  async charge(charge: UnaryCharge): Promise<ChargeResult> {
    return await this.#charges.add(await storeResponse(this.bodies, charge));
  }

  /** Notes that a call id will never be charged, unless it has a row already. Gives its row. */
  async voidCall(voided: {
    channel: Uint8Array;
    payer: Uint8Array;
    callId: Uint8Array;
    /** The signed Void, encoded. */
    proof: Uint8Array;
    atSec: number;
  }): Promise<LedgerCall> {
    await this.#query(
      `insert into provider.call (channel, payer, call_id, state, proof, at_sec) values ($1, $2, $3, 'VOID', $4, $5)
       on conflict do nothing`,
      [voided.channel, voided.payer, voided.callId, voided.proof, voided.atSec],
    );
    const row = await this.call(voided.payer, voided.callId);
    if (row === undefined) throw ledgerUnavailable(new Error('a row vanished'));
    return row;
  }

  /** Receipts of a channel in the order they were charged, after position `after`. */
  async receipts(
    channel: Uint8Array,
    after: bigint,
    limit: number,
  ): Promise<readonly { readonly position: bigint; readonly receipt: Uint8Array }[]> {
    const { rows } = await this.#query<{ seq: string; proof: Buffer }>(
      `select seq, proof from provider.call
        where channel = $1 and seq > $2 and state = 'CHARGED' and (owner is null or owned_until < now())
        order by seq limit $3`,
      [channel, String(after), limit],
    );
    return rows.map((row) => ({ position: BigInt(row.seq), receipt: row.proof }));
  }

  /** Takes back receipts of a lost past. Their responses are gone; their ids are known again. */
  async restoreCalls(
    channel: LedgerChannel,
    receipts: readonly {
      callId: Uint8Array;
      commitment: Uint8Array;
      receipt: Uint8Array;
      amount: bigint;
      atSec: number;
    }[],
  ): Promise<void> {
    for (const each of receipts)
      await this.#query(
        `insert into provider.call (channel, payer, call_id, state, commitment, proof, amount, at_sec)
         values ($1, $2, $3, 'CHARGED', $4, $5, $6, $7) on conflict do nothing`,
        [channel.id, channel.terms.payer, each.callId, each.commitment, each.receipt, String(each.amount), each.atSec],
      );
  }

  /**
   * Ends RECONCILE: `spent` becomes what the receipts add up to, not less than was claimed and not more than the
   * highest voucher pays. Other states stay as they are.
   */
  async reconciled(
    id: Uint8Array,
    highest: { authorised: bigint; voucher: Uint8Array } | undefined,
  ): Promise<LedgerChannel> {
    if (highest !== undefined) await this.keepVoucher(id, highest.authorised, highest.voucher);
    await this.#query(
      `update provider.channel c
          set state = 'OPEN', spent = n.spent, calls = n.calls, ceiling = greatest(c.deposited, n.spent),
              unclaimed_since_sec = case when n.spent > c.claimed then extract(epoch from now())::bigint end
         from (select least(greatest(coalesce(sum(amount), 0), (select spent from provider.channel where id = $1)),
                            (select authorised from provider.channel where id = $1)) as spent,
                      count(*) as calls
                 from provider.call where channel = $1 and state = 'CHARGED') n
        where c.id = $1 and c.state = 'RECONCILE'`,
      [id],
    );
    const channel = await this.channel(id);
    if (channel === undefined) throw new WeftError('CHANNEL_UNKNOWN', 'the ledger has no such channel');
    return channel;
  }

  /** Every channel of which something is earned and not claimed, or that is not closed yet and `all` is asked for. */
  async channels(which: 'unclaimed' | 'all' = 'all'): Promise<LedgerChannel[]> {
    const { rows } = await this.#query<ChannelRow>(
      `select * from provider.channel ${which === 'unclaimed' ? "where spent > claimed and state <> 'CLOSED'" : ''}
        order by asset, tenure, id`,
      [],
    );
    return rows.map(toChannel);
  }

  /** Every tenure that was paid for a call, on a channel, with a licence or by a job. */
  async tenures(): Promise<{ asset: bigint; tenure: number }[]> {
    const { rows } = await this.#query<{ asset: string; tenure: string }>(
      `select asset, tenure from provider.channel union select asset, tenure from provider.licence
       union select asset, tenure from provider.job where state = 'PAID' order by asset, tenure`,
      [],
    );
    return rows.map(({ asset, tenure }) => ({ asset: BigInt(asset), tenure: Number(tenure) }));
  }

  /** What each asset's tenure has earned, and how much of it was claimed. */
  async earnings(): Promise<Earnings[]> {
    return await readEarnings(this.pool);
  }

  /** Resolves when every charge that was under way has its outcome. */
  async settled(): Promise<void> {
    await this.#charges.settled();
    await this.licences.settled();
  }

  async #query<R extends pg.QueryResultRow>(text: string, values: readonly unknown[]): Promise<pg.QueryResult<R>> {
    try {
      return await this.pool.query<R>(
        text,
        values.map((value) => (value instanceof Uint8Array ? asBuffer(value) : value)),
      );
    } catch (error) {
      throw ledgerUnavailable(error);
    }
  }
}
