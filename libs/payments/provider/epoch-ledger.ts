import type pg from 'pg';
import { asBuffer } from '#platform/as-buffer.js';
import { Receipt as ReceiptMessage } from '#protos/weft/payment/v1/payment.js';
import { type Leaf, MerkleTree } from '../merkle-tree.js';
import { hashReceipt, type Receipt, signingHash } from '../typed-data.js';
import { readReceipt } from '../wire.js';
import { byteaArray, numberArray } from './bytea-array.js';
import { ledgerUnavailable } from './charge-commit.js';
import { PAID_ACCOUNTS } from './paid-accounts.js';

/** Receipts of one epoch at most: their hashing holds up the calls that are being served. */
export const MAX_EPOCH_RECEIPTS = 4_096;

interface Tenure {
  readonly asset: bigint;
  readonly tenure: number;
}

/** An epoch that is written down; the chain need not have it yet. */
export interface LedgerEpoch extends Tenure {
  readonly id: bigint;
  /** Its place on chain. */
  readonly number: bigint;
  /** 32 bytes. */
  readonly root: Uint8Array;
  readonly receipts: bigint;
  readonly amount: bigint;
  /** Once it was seen on chain. */
  readonly anchoredAtSec: number | undefined;
}

/** Where a receipt stands. `waiting`: in no epoch that is on chain; `unpaid` ones are put into none before their job is paid. */
export type ReceiptPlace =
  | { readonly state: 'waiting'; readonly atSec: number; readonly unpaid: boolean }
  | { readonly state: 'anchored'; readonly epoch: LedgerEpoch; readonly siblings: readonly Uint8Array[] };

/** Epochs in the provider's ledger. Only who holds the lock of the tenure's operator changes them. */
export class EpochLedger {
  constructor(
    private readonly pool: pg.Pool,
    /** Of the escrow's EIP-712 domain, under which receipts are signed. */
    private readonly separator: Uint8Array,
  ) {}

  /** Receipts of a tenure that are in no epoch: how many, up to `limit`, and the age of the oldest of these. */
  async waiting({ asset, tenure }: Tenure, limit: number): Promise<{ receipts: number; sinceSec: number | undefined }> {
    const [row] = await this.#query<{ receipts: string; since: string | null }>(
      `select count(*) as receipts, min(at_sec) as since
         from (select c.at_sec from provider.call c join ${PAID_ACCOUNTS}
                where h.asset = $1 and h.tenure = $2 and c.epoch is null and c.state = 'CHARGED' limit $3) as w`,
      [String(asset), tenure, limit],
    );
    return { receipts: Number(row!.receipts), sinceSec: row!.since === null ? undefined : Number(row!.since) };
  }

  /**
   * Writes down the tenure's next epoch, of the oldest receipts that are in none; durable when it resolves. Streams
   * that run are left for later, those whose process is gone end here. Undefined if there is no receipt.
   */
  async make({ asset, tenure }: Tenure, number: bigint): Promise<LedgerEpoch | undefined> {
    await this.#query(
      `update provider.call c set owner = null
         from (select id, asset, tenure from provider.channel union all select id, asset, tenure from provider.licence) h
        where h.id = c.channel and h.asset = $1 and h.tenure = $2
          and c.epoch is null and c.state = 'CHARGED' and c.owned_until < now() and c.owner is not null`,
      [String(asset), tenure],
    );
    const calls = await this.#query<{ payer: Buffer; call_id: Buffer; channel: Buffer; proof: Buffer }>(
      `select c.payer, c.call_id, c.channel, c.proof
         from provider.call c join ${PAID_ACCOUNTS}
        where h.asset = $1 and h.tenure = $2 and c.epoch is null and c.state = 'CHARGED' and c.owner is null
        order by c.seq limit ${MAX_EPOCH_RECEIPTS}`,
      [String(asset), tenure],
    );
    if (calls.length === 0) return undefined;
    const receipts = calls.map(({ proof }) => readReceipt(ReceiptMessage.decode(proof)));
    const leaves = receipts.map((receipt) => this.#leafOf(receipt));
    const tree = new MerkleTree(leaves);
    const [row] = await this.#query<EpochRow>(MAKE, [
      String(asset),
      tenure,
      String(number),
      tree.root,
      calls.length,
      String(leaves.reduce((sum, { amount }) => sum + amount, 0n)),
      byteaArray(calls.map(({ payer }) => payer)),
      byteaArray(calls.map(({ call_id }) => call_id)),
      byteaArray(calls.map(({ channel }) => channel)),
      byteaArray(leaves.map(({ receiptDigest }) => receiptDigest)),
      numberArray(leaves.map(({ amount }) => amount)),
      byteaArray(calls.map((_, i) => Buffer.concat(tree.proof(i)))),
      numberArray(receipts.map(({ units }) => units)),
      numberArray(receipts.map(({ servedAtSec }) => servedAtSec)),
    ]);
    return toEpoch(row!);
  }

  /** The first epoch of a tenure that the chain has not been seen to have, or has lost: it has `onChain` now. */
  async pending({ asset, tenure }: Tenure, onChain: bigint): Promise<LedgerEpoch | undefined> {
    const [row] = await this.#query<EpochRow>(
      `select * from provider.epoch
        where asset = $1 and tenure = $2 and (anchored_at_sec is null or number > $3) order by number limit 1`,
      [String(asset), tenure, String(onChain)],
    );
    return row && toEpoch(row);
  }

  /** The highest number that is written down of a tenure; 0 if there is none. */
  async highest({ asset, tenure }: Tenure): Promise<bigint> {
    const [row] = await this.#query<{ number: string }>(
      'select coalesce(max(number), 0) as number from provider.epoch where asset = $1 and tenure = $2',
      [String(asset), tenure],
    );
    return BigInt(row!.number);
  }

  /** It was seen on chain, at this number. */
  async confirm({ id }: LedgerEpoch, number: bigint, anchoredAtSec: number): Promise<void> {
    await this.#query('update provider.epoch set number = $2, anchored_at_sec = $3 where id = $1', [
      String(id),
      String(number),
      anchoredAtSec,
    ]);
  }

  /** Gives an epoch another place: the chain has something else at its own. */
  async renumber({ id }: LedgerEpoch, number: bigint): Promise<void> {
    await this.#query('update provider.epoch set number = $2, anchored_at_sec = null where id = $1', [
      String(id),
      String(number),
    ]);
  }

  /** What an epoch was made of, in the order of its tree. */
  async leaves({ id }: Pick<LedgerEpoch, 'id'>): Promise<Leaf[]> {
    const rows = await this.#query<{ receipt_digest: Buffer; amount: string }>(
      'select receipt_digest, amount from provider.anchored where epoch = $1 order by place',
      [String(id)],
    );
    return rows.map((row) => ({ receiptDigest: row.receipt_digest, amount: BigInt(row.amount) }));
  }

  /** Of a charged call on this account, be it a channel, a licence or a job; undefined if there is none. */
  async place({ account, callId }: Pick<Receipt, 'account' | 'callId'>): Promise<ReceiptPlace | undefined> {
    const of = [asBuffer(account), asBuffer(callId)];
    const [row] = await this.#query<EpochRow & { siblings: Buffer }>(
      `select e.*, a.siblings from provider.anchored a join provider.epoch e on e.id = a.epoch
        where a.payer in (${PAYERS}) and a.call_id = $2 and a.channel = $1 and e.anchored_at_sec is not null`,
      of,
    );
    if (row !== undefined) return { state: 'anchored', epoch: toEpoch(row), siblings: wordsOf(row.siblings) };
    const [call] = await this.#query<{ at_sec: string; unpaid: boolean }>(
      `select c.at_sec, coalesce(j.state <> 'PAID', false) as unpaid
         from provider.call c left join provider.job j on j.id = c.channel and j.call_id = c.call_id
        where c.payer in (${PAYERS}) and c.call_id = $2 and c.channel = $1 and c.state = 'CHARGED'`,
      of,
    );
    return call && { state: 'waiting', atSec: Number(call.at_sec), unpaid: call.unpaid };
  }

  #leafOf(receipt: Receipt): Leaf {
    return { receiptDigest: signingHash(this.separator, hashReceipt(receipt)), amount: receipt.amount };
  }

  async #query<R extends pg.QueryResultRow>(text: string, values: readonly unknown[]): Promise<R[]> {
    try {
      return (await this.pool.query<R>(text, [...values])).rows;
    } catch (error) {
      throw ledgerUnavailable(error);
    }
  }
}

/** In whose scope the ids of an account's ($1) calls ($2) stand. */
const PAYERS = `
  select payer from provider.channel where id = $1
  union all select id from provider.licence where id = $1
  union all select payer from provider.job where id = $1 and call_id = $2`;

/** One statement, so that an epoch is there with all its receipts or not at all; the keys let each in once. */
const MAKE = `
with made as (
  insert into provider.epoch (asset, tenure, number, root, receipts, amount) values ($1, $2, $3, $4, $5, $6) returning *
), leaf as (
  select * from unnest($7::bytea[], $8::bytea[], $9::bytea[], $10::bytea[], $11::numeric[], $12::bytea[], $13::numeric[],
                       $14::bigint[])
    with ordinality as l(payer, call_id, channel, receipt_digest, amount, siblings, units, served_at_sec, n)
), placed as (
  insert into provider.anchored (payer, call_id, channel, epoch, place, receipt_digest, amount, units, served_at_sec, siblings)
  select l.payer, l.call_id, l.channel, made.id, l.n - 1, l.receipt_digest, l.amount, l.units, l.served_at_sec, l.siblings
    from leaf l, made
), noted as (
  update provider.call c set epoch = made.id from made, leaf l where c.payer = l.payer and c.call_id = l.call_id
)
select * from made`;

interface EpochRow {
  readonly id: string;
  readonly asset: string;
  readonly tenure: string;
  readonly number: string;
  readonly root: Buffer;
  readonly receipts: string;
  readonly amount: string;
  readonly anchored_at_sec: string | null;
}

const toEpoch = (row: EpochRow): LedgerEpoch => ({
  id: BigInt(row.id),
  asset: BigInt(row.asset),
  tenure: Number(row.tenure),
  number: BigInt(row.number),
  root: row.root,
  receipts: BigInt(row.receipts),
  amount: BigInt(row.amount),
  anchoredAtSec: row.anchored_at_sec === null ? undefined : Number(row.anchored_at_sec),
});

function wordsOf(bytes: Buffer): Buffer[] {
  const words: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 32) words.push(bytes.subarray(at, at + 32));
  return words;
}
