import type pg from 'pg';
import { WeftError } from '#core/errors.js';
import { sameBytes } from '#core/hex.js';
import { maxAmount, minAmount } from '#core/money.js';
import { asBuffer } from '#platform/as-buffer.js';
import { ledgerUnavailable } from './ledger/ledger-store.js';

/** What the wallet keeps of a licence of its own. */
export interface LicenceEntry {
  readonly id: Uint8Array;
  readonly offerId: Uint8Array;
  readonly signed: bigint;
}

/** Rows of licences and of the calls that were signed with them, each change in one transaction. */
export class LicenceBook {
  constructor(private readonly pool: pg.Pool) {}

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
      return rows.map((row) => ({ id: row.id, offerId: row.offer_id, signed: BigInt(row.signed) }));
    });
  }

  /**
   * Notes that a call is signed, durably, and gives the count to sign: as with vouchers the highest signed so far, or
   * what was and may be served and one more. The same id with the same call gets a count again; with another one
   * CALL_ID_REUSED. A signer that is new on chain starts at the chain's count.
   */
  async reserve(
    licenceId: Uint8Array,
    call: { readonly callId: Uint8Array; readonly commitment: Uint8Array },
    onChain: { readonly signerNumber: number; readonly uses: bigint; readonly calls: bigint },
  ): Promise<bigint> {
    const [id, callId] = [asBuffer(licenceId), asBuffer(call.callId)];
    return await this.#within(async (client) => {
      const licence = await lock(client, id);
      const fresh = onChain.signerNumber > licence.signer_number;
      const base = fresh ? onChain.uses : BigInt(licence.base);
      let [counted, signed] = fresh ? [0n, onChain.uses] : [BigInt(licence.counted), BigInt(licence.signed)];
      const { rows } = await client.query<{ commitment: Buffer; state: string }>(
        'select commitment, state from payer.licence_call where licence = $1 and call_id = $2',
        [id, callId],
      );
      const [known] = rows;
      if (known !== undefined && !sameBytes(known.commitment, call.commitment))
        throw new WeftError('CALL_ID_REUSED', 'this call id was used for another request with this licence');
      if (known === undefined || known.state === 'RELEASED') {
        await client.query(
          `insert into payer.licence_call (licence, call_id, commitment, state) values ($1, $2, $3, 'RESERVED')
           on conflict (licence, call_id) do update set state = 'RESERVED'`,
          [id, callId, asBuffer(call.commitment)],
        );
        counted += 1n;
        if (onChain.calls > 0n) signed = minAmount(onChain.calls, maxAmount(signed, base + counted));
      }
      await client.query(
        'update payer.licence set signer_number = $2, base = $3, counted = $4, signed = $5 where id = $1',
        [id, Math.max(onChain.signerNumber, licence.signer_number), String(base), String(counted), String(signed)],
      );
      return onChain.calls > 0n ? signed : 0n;
    });
  }

  /** A call that was not charged counts no more, until a receipt says otherwise, which is kept. */
  async settle(licenceId: Uint8Array, callId: Uint8Array, receipt: Uint8Array | undefined): Promise<void> {
    const id = asBuffer(licenceId);
    await this.#within(async (client) => {
      await lock(client, id);
      const { rows } = await client.query<{ state: string }>(
        'select state from payer.licence_call where licence = $1 and call_id = $2',
        [id, asBuffer(callId)],
      );
      const before = rows[0]?.state;
      const after = receipt === undefined ? 'RELEASED' : 'SETTLED';
      if (before === undefined || before === 'SETTLED' || before === after) return;
      await client.query('update payer.licence_call set state = $3, receipt = $4 where licence = $1 and call_id = $2', [
        id,
        asBuffer(callId),
        after,
        receipt && asBuffer(receipt),
      ]);
      const counts = Number(after === 'SETTLED') - Number(before === 'RESERVED');
      if (counts !== 0)
        await client.query('update payer.licence set counted = greatest(counted + $2::numeric, 0) where id = $1', [
          id,
          counts,
        ]);
    });
  }

  /** How many calls of a pass were or may have been served, by what this wallet signed. */
  async most(licenceId: Uint8Array): Promise<bigint> {
    return await this.#within(async (client) => {
      const { base, counted } = await lock(client, asBuffer(licenceId));
      return BigInt(base) + BigInt(counted);
    });
  }

  /** The commitment of a call that was signed with a licence. */
  async commitment(licenceId: Uint8Array, callId: Uint8Array): Promise<Uint8Array | undefined> {
    return await this.#within(async (client) => {
      const { rows } = await client.query<{ commitment: Buffer }>(
        'select commitment from payer.licence_call where licence = $1 and call_id = $2',
        [asBuffer(licenceId), asBuffer(callId)],
      );
      return rows[0]?.commitment;
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

interface LicenceRow {
  readonly id: Buffer;
  readonly offer_id: Buffer;
  readonly signer_number: number;
  readonly base: string;
  readonly counted: string;
  readonly signed: string;
}

async function lock(client: pg.ClientBase, id: Buffer): Promise<LicenceRow> {
  const { rows } = await client.query<LicenceRow>('select * from payer.licence where id = $1 for update', [id]);
  const [row] = rows;
  if (row === undefined)
    throw new WeftError('LICENCE_UNKNOWN', 'this wallet did not buy that licence, and has no key for it');
  return row;
}
