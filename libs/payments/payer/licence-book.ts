import type pg from 'pg';
import { WeftError } from '#core/errors.js';
import { sameBytes } from '#core/hex.js';
import { maxAmount, minAmount } from '#core/money.js';
import { asBuffer } from '#platform/as-buffer.js';
import { keyOf } from '#platform/key-of.js';
import { ledgerUnavailable } from './ledger/ledger-store.js';

/** What the wallet keeps of a licence of its own. */
export interface LicenceEntry {
  readonly id: Uint8Array;
  readonly offerId: Uint8Array;
  readonly signed: bigint;
  /** Where its provider was last called; empty before the first call. */
  readonly endpoints: readonly string[];
}

/** A call that was signed with a licence. VOID is final, as SETTLED is; RELEASED may be signed again. */
export interface LicenceCall {
  readonly licenceId: Uint8Array;
  readonly callId: Uint8Array;
  readonly commitment: Uint8Array;
  readonly state: 'RESERVED' | 'SETTLED' | 'RELEASED' | 'VOID';
  /** The Call message, encoded; undefined if it was signed by an earlier version. */
  readonly call: Uint8Array | undefined;
  /** The signed Receipt message, encoded; of SETTLED ones. */
  readonly receipt: Uint8Array | undefined;
}

/** What is to be asked about the calls of one licence, and where. */
export interface OverdueCalls {
  /** The licence's id, latin1. */
  readonly key: string;
  readonly endpoints: readonly string[];
  readonly calls: readonly LicenceCall[];
}

/** How a pass's count stands on chain, and who may go on with it. */
export interface CountOnChain {
  readonly signerNumber: number;
  readonly uses: bigint;
}

/** Rows of licences and of the calls that were signed with them, each change in one transaction. */
export class LicenceBook {
  constructor(private readonly pool: pg.Pool) {}

  /** Takes a licence in; one that is there stays as it is. */
  async add(id: Uint8Array, offerId: Uint8Array): Promise<void> {
    await this.#within((client) =>
      client.query('insert into payer.licence (id, offer_id) values ($1, $2) on conflict do nothing', [
        asBuffer(id),
        asBuffer(offerId),
      ]),
    );
  }

  async all(): Promise<LicenceEntry[]> {
    return await this.#within(async (client) => {
      const { rows } = await client.query<LicenceRow>('select * from payer.licence order by id');
      return rows.map(toEntry);
    });
  }

  async find(id: Uint8Array): Promise<LicenceEntry | undefined> {
    return await this.#within(async (client) => {
      const { rows } = await client.query<LicenceRow>('select * from payer.licence where id = $1', [asBuffer(id)]);
      return rows[0] && toEntry(rows[0]);
    });
  }

  /**
   * Notes that a call is signed, durably, and gives the count to sign: as with vouchers the highest signed so far, or
   * what was and may be served and one more. The same id with the same call gets a count again; with another one
   * CALL_ID_REUSED, and one that was declared void CALL_VOID. A signer that is new on chain starts at the chain's count.
   */
  async reserve(
    licenceId: Uint8Array,
    call: {
      readonly callId: Uint8Array;
      readonly commitment: Uint8Array;
      readonly message: Uint8Array;
      /** Under which it is made. */
      readonly quoteId: Uint8Array | undefined;
    },
    onChain: CountOnChain & { readonly calls: bigint },
    at: { readonly endpoints: readonly string[]; readonly nowSec: number },
  ): Promise<bigint> {
    const [id, callId] = [asBuffer(licenceId), asBuffer(call.callId)];
    return await this.#within(async (client) => {
      const licence = await lock(client, id);
      const fresh = onChain.signerNumber > licence.signer_number;
      const base = fresh ? onChain.uses : BigInt(licence.base);
      let [counted, signed] = fresh ? [0n, onChain.uses] : [BigInt(licence.counted), BigInt(licence.signed)];
      const signerNumber = Math.max(onChain.signerNumber, licence.signer_number);
      const { rows } = await client.query<CallRow>(
        'select * from payer.licence_call where licence = $1 and call_id = $2',
        [id, callId],
      );
      const [known] = rows;
      if (known !== undefined && !sameBytes(known.commitment, call.commitment))
        throw new WeftError('CALL_ID_REUSED', 'this call id was used for another request with this licence');
      if (known?.state === 'VOID')
        throw new WeftError('CALL_VOID', 'this call id was declared void; use a new one', {
          callId: `0x${callId.toString('hex')}`,
        });
      // What an earlier signer left open was not served, or is answered from the store: by either it is a call of this one.
      const isOpen = known?.state === 'RESERVED' && known.signer_number === signerNumber;
      if (known?.state !== 'SETTLED') {
        await client.query(
          `insert into payer.licence_call (licence, call_id, commitment, call, signer_number, signed_at_sec, quote, state)
           values ($1, $2, $3, $4, $5, $6, $7, 'RESERVED')
           on conflict (licence, call_id) do update
             set state = 'RESERVED', call = $4, signer_number = $5, signed_at_sec = $6, quote = $7`,
          [
            id,
            callId,
            asBuffer(call.commitment),
            asBuffer(call.message),
            signerNumber,
            at.nowSec,
            call.quoteId === undefined ? null : asBuffer(call.quoteId),
          ],
        );
        if (!isOpen) counted += 1n;
        if (onChain.calls > 0n) signed = minAmount(onChain.calls, maxAmount(signed, base + counted));
      }
      await client.query(
        `update payer.licence set signer_number = $2, base = $3, counted = $4, signed = $5,
                endpoints = case when cardinality($6::text[]) > 0 then $6 else endpoints end where id = $1`,
        [id, signerNumber, String(base), String(counted), String(signed), [...at.endpoints]],
      );
      return onChain.calls > 0n ? signed : 0n;
    });
  }

  /** A call that was not charged counts no more, until a receipt says otherwise, which is kept. */
  async settle(licenceId: Uint8Array, callId: Uint8Array, end: Uint8Array | 'RELEASED' | 'VOID'): Promise<void> {
    const id = asBuffer(licenceId);
    await this.#within(async (client) => {
      const licence = await lock(client, id);
      const { rows } = await client.query<CallRow>(
        'select * from payer.licence_call where licence = $1 and call_id = $2',
        [id, asBuffer(callId)],
      );
      const [before] = rows;
      const after = typeof end === 'string' ? end : 'SETTLED';
      if (before === undefined || before.state === 'SETTLED' || before.state === 'VOID' || before.state === after)
        return;
      await client.query('update payer.licence_call set state = $3, receipt = $4 where licence = $1 and call_id = $2', [
        id,
        asBuffer(callId),
        after,
        typeof end === 'string' ? null : asBuffer(end),
      ]);
      // What stood in an earlier signer's count does not stand in this one's.
      if (before.signer_number !== licence.signer_number) return;
      const counts = Number(after === 'SETTLED') - Number(before.state === 'RESERVED');
      if (counts !== 0)
        await client.query('update payer.licence set counted = greatest(counted + $2::numeric, 0) where id = $1', [
          id,
          counts,
        ]);
    });
  }

  /** How many calls of a pass were or may have been served, by what this wallet signed. */
  async most(licenceId: Uint8Array, { signerNumber, uses }: CountOnChain): Promise<bigint> {
    return await this.#within(async (client) => {
      const { base, counted, signer_number } = await lock(client, asBuffer(licenceId));
      return signerNumber > signer_number ? uses : BigInt(base) + BigInt(counted);
    });
  }

  /** How many calls with a licence were or may have been served under each of these quotes, by their ids in latin1. */
  async madeUnder(licenceId: Uint8Array, quoteIds: readonly Uint8Array[]): Promise<ReadonlyMap<string, bigint>> {
    if (quoteIds.length === 0) return new Map();
    return await this.#within(async (client) => {
      const { rows } = await client.query<{ quote: Buffer; made: string }>(
        `select quote, count(*) as made from payer.licence_call
          where quote = any($2::bytea[]) and licence = $1 and state in ('RESERVED', 'SETTLED') group by quote`,
        [asBuffer(licenceId), quoteIds.map(asBuffer)],
      );
      return new Map(rows.map(({ quote, made }) => [keyOf(quote), BigInt(made)]));
    });
  }

  /** A call that was signed with a licence; of those with that id the one that was charged, if there is one. */
  async call(callId: Uint8Array, licenceId?: Uint8Array): Promise<LicenceCall | undefined> {
    return await this.#within(async (client) => {
      const { rows } = await client.query<CallRow>(
        `select * from payer.licence_call where call_id = $1 and ($2::bytea is null or licence = $2)
          order by (state = 'SETTLED') desc, licence limit 1`,
        [asBuffer(callId), licenceId === undefined ? null : asBuffer(licenceId)],
      );
      return rows[0] && toCall(rows[0]);
    });
  }

  /** Calls with a licence whose end is not known. */
  async open(licenceId: Uint8Array): Promise<LicenceCall[]> {
    return await this.#within(async (client) => {
      const { rows } = await client.query<CallRow>(
        `select * from payer.licence_call where state = 'RESERVED' and licence = $1 order by signed_at_sec`,
        [asBuffer(licenceId)],
      );
      return rows.map(toCall);
    });
  }

  /** Receipts of calls with licences, at most `limit` of them, in the order of (licence, call id) after that one. */
  async receipts(after: ReceiptKey | undefined, limit: number): Promise<(ReceiptKey & { readonly receipt: Buffer })[]> {
    return await this.#within(async (client) => {
      const { rows } = await client.query<{ licence: Buffer; call_id: Buffer; receipt: Buffer }>(
        `select licence, call_id, receipt from payer.licence_call
          where receipt is not null and (licence, call_id) > ($1, $2) order by licence, call_id limit $3`,
        [asBuffer(after?.licenceId ?? NONE), asBuffer(after?.callId ?? NONE), limit],
      );
      return rows.map((row) => ({ licenceId: row.licence, callId: row.call_id, receipt: row.receipt }));
    });
  }

  /**
   * Calls whose end is not known, signed last before that second, of licences whose provider can be asked: the oldest of
   * each.
   */
  async overdue(beforeSec: number): Promise<OverdueCalls[]> {
    return await this.#within(async (client) => {
      const { rows } = await client.query<CallRow & { endpoints: string[] }>(
        `select c.*, l.endpoints from payer.licence l cross join lateral (
           select * from payer.licence_call
            where licence = l.id and state = 'RESERVED' and signed_at_sec < $1
            order by signed_at_sec limit ${OVERDUE_AT_ONCE}) c
          where cardinality(l.endpoints) > 0 order by c.licence, c.signed_at_sec`,
        [beforeSec],
      );
      const found = new Map<string, { endpoints: string[]; calls: LicenceCall[] }>();
      for (const { endpoints, ...row } of rows) {
        const key = keyOf(row.licence);
        if (!found.has(key)) found.set(key, { endpoints, calls: [] });
        found.get(key)!.calls.push(toCall(row));
      }
      return [...found].map(([key, { endpoints, calls }]) => ({ key, endpoints, calls }));
    });
  }

  async #within<T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    const client = await this.pool.connect().catch((error: unknown) => {
      throw ledgerUnavailable(error);
    });
    let broken: Error | undefined;
    try {
      await client.query('begin');
      const result = await work(client);
      await client.query('commit');
      return result;
    } catch (error) {
      await client.query('rollback').catch((cause: Error) => {
        broken = cause;
      });
      throw error instanceof WeftError ? error : ledgerUnavailable(error);
    } finally {
      client.release(broken);
    }
  }
}

const OVERDUE_AT_ONCE = 100;
const NONE = new Uint8Array();

interface ReceiptKey {
  readonly licenceId: Uint8Array;
  readonly callId: Uint8Array;
}

interface LicenceRow {
  readonly id: Buffer;
  readonly offer_id: Buffer;
  readonly signer_number: number;
  readonly base: string;
  readonly counted: string;
  readonly signed: string;
  readonly endpoints: string[];
}

interface CallRow {
  readonly licence: Buffer;
  readonly call_id: Buffer;
  readonly commitment: Buffer;
  readonly call: Buffer | null;
  readonly signer_number: number;
  readonly state: LicenceCall['state'];
  readonly receipt: Buffer | null;
}

const toEntry = (row: LicenceRow): LicenceEntry => ({
  id: row.id,
  offerId: row.offer_id,
  signed: BigInt(row.signed),
  endpoints: row.endpoints,
});

const toCall = (row: CallRow): LicenceCall => ({
  licenceId: row.licence,
  callId: row.call_id,
  commitment: row.commitment,
  state: row.state,
  call: row.call ?? undefined,
  receipt: row.receipt ?? undefined,
});

async function lock(client: pg.ClientBase, id: Buffer): Promise<LicenceRow> {
  const { rows } = await client.query<LicenceRow>('select * from payer.licence where id = $1 for update', [id]);
  const [row] = rows;
  if (row === undefined)
    throw new WeftError(
      'LICENCE_UNKNOWN',
      'this wallet does not use that licence: buy one, or take one that you were given into use with `weft licence signer`',
    );
  return row;
}
