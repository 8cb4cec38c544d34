import type pg from 'pg';
import { Receipt as ReceiptMessage } from '#protos/weft/payment/v1/payment.js';
import { type Days, type Usage, UsageBook } from '../usage.js';
import { readReceipt } from '../wire.js';
import { ledgerUnavailable } from './charge-commit.js';
import { PAID_ACCOUNTS } from './paid-accounts.js';

/** Receipts read at once. */
const BATCH = 1_000;

/**
 * What an asset served, day by day, by the provider's ledger: receipts in epochs, and those that still wait for one.
 * Calls that were dropped with their channels and never anchored are known to nobody any more. Errors: LEDGER_UNAVAILABLE.
 */
export async function readUsage(pool: pg.Pool, asset: bigint, days: Days): Promise<Usage[]> {
  const book = new UsageBook(days);
  const client = await pool.connect().catch(unanswered);
  try {
    // A receipt that goes into an epoch meanwhile is counted once.
    await client.query('begin isolation level repeatable read read only');
    await addAnchored(client, asset, book);
    await addWaiting(client, asset, book);
    await client.query('commit');
    client.release();
  } catch (error) {
    client.release(true);
    unanswered(error);
  }
  return book.rows();
}

async function addAnchored(client: pg.ClientBase, asset: bigint, book: UsageBook): Promise<void> {
  const { rows } = await client.query<{ day: string; calls: string; units: string; amount: string }>(
    `select a.served_at_sec / 86400 as day, count(*) as calls, sum(a.units) as units, sum(a.amount) as amount
       from provider.anchored a join provider.epoch e on e.id = a.epoch where e.asset = $1 group by 1`,
    [String(asset)],
  );
  for (const { day, calls, units, amount } of rows)
    book.addDay({ day: Number(day), asset, calls: BigInt(calls), units: BigInt(units), amount: BigInt(amount) });
}

async function addWaiting(client: pg.ClientBase, asset: bigint, book: UsageBook): Promise<void> {
  for (let after = '-1'; ; ) {
    const { rows } = await client.query<{ seq: string; proof: Buffer }>(
      `select c.seq, c.proof from provider.call c join ${PAID_ACCOUNTS}
        where h.asset = $1 and c.epoch is null and c.state = 'CHARGED' and c.seq > $2 order by c.seq limit ${BATCH}`,
      [String(asset), after],
    );
    for (const { proof } of rows) book.add(readReceipt(ReceiptMessage.decode(proof)));
    if (rows.length < BATCH) return;
    after = rows.at(-1)!.seq;
  }
}

function unanswered(error: unknown): never {
  throw ledgerUnavailable(error);
}
