import type pg from 'pg';
import { asBuffer } from '#platform/as-buffer.js';
import { messageDigest } from '../digests.js';
import type { BodyStore } from './body-store.js';
import { type AccountTable, explain, isAnswer, ledgerUnavailable } from './charge-commit.js';
import { INLINE_BYTES } from './store-response.js';

/** The next part of a stream that is being served. */
export interface StreamWindow {
  readonly channel: Uint8Array;
  readonly authorised: bigint;
  readonly voucher: Uint8Array;
  readonly payer: Uint8Array;
  readonly callId: Uint8Array;
  readonly commitment: Uint8Array;
  /** Signed, over everything committed with this window included. */
  readonly receipt: Uint8Array;
  readonly atSec: number;
  /** 0 for the stream's first window, then counting up. */
  readonly n: number;
  readonly messages: readonly Uint8Array[];
  /** What the whole stream costs with this window, and what this window adds to that. */
  readonly amount: bigint;
  readonly added: bigint;
  /** Nothing comes after it. */
  readonly last: boolean;
  /** UUID of the one serving process that may add to the stream, and for how long nobody else may end it. */
  readonly owner: string;
  readonly leaseMs: number;
}

/** `lost`: the call id has a row that is not this stream's, or the stream was ended by somebody else. */
export type WindowResult = { readonly outcome: 'charged'; readonly spent: bigint } | { readonly outcome: 'lost' };

/** Streams in the provider's ledger: charged and stored window by window, each before it is sent. */
export class StreamLedger {
  constructor(
    private readonly pool: pg.Pool,
    private readonly bodies: BodyStore,
    private readonly table: AccountTable,
  ) {}

  /** Durable when it resolves to `charged`. Errors: UNDERPAID, CHANNEL_EMPTY (nothing charged), LEDGER_UNAVAILABLE. */
  async commit(window: StreamWindow): Promise<WindowResult> {
    const packed = pack(window.messages);
    let body: Buffer | null = null;
    if (packed.length > INLINE_BYTES) {
      body = messageDigest(packed);
      await this.bodies.put(body, packed);
    }
    for (let attempt = 0; ; attempt++) {
      try {
        const { rows } = await this.pool.query<{ spent: string }>({
          name: `provider-stream-window-${this.table}`,
          text: commitIn(this.table),
          values: [
            asBuffer(window.channel),
            asBuffer(window.payer),
            asBuffer(window.callId),
            asBuffer(window.commitment),
            asBuffer(window.receipt),
            String(window.amount),
            window.atSec,
            window.owner,
            window.last,
            window.leaseMs / 1000,
            window.n,
            body === null ? packed : null,
            body,
            String(window.added),
            String(window.authorised),
            asBuffer(window.voucher),
          ],
        });
        const [row] = rows;
        if (row !== undefined) return { outcome: 'charged', spent: BigInt(row.spent) };
        return attempt === 0 ? { outcome: 'lost' } : await this.#recogniseOwn(window);
      } catch (error) {
        if (isAnswer(error)) throw explain(error);
        // As for unary calls: saying it again is safe, the window's number lets it count once.
        if (attempt === 2) throw ledgerUnavailable(error);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  /** Keeps the stream ours while its handler takes its time. */
  async renew(payer: Uint8Array, callId: Uint8Array, owner: string, leaseMs: number): Promise<void> {
    await this.pool.query(
      `update provider.call set owned_until = now() + $4 * interval '1 second'
        where payer = $1 and call_id = $2 and owner = $3`,
      [asBuffer(payer), asBuffer(callId), owner, leaseMs / 1000],
    );
  }

  /** Ends a stream at what is committed: by its owner, by anyone once the lease has run out, or by `force`. */
  async end(payer: Uint8Array, callId: Uint8Array, by: { owner: string } | { force: boolean }): Promise<void> {
    const owner = 'owner' in by ? by.owner : null;
    const force = 'force' in by && by.force;
    await this.pool
      .query(
        `update provider.call set owner = null
          where payer = $1 and call_id = $2 and owner is not null and ($4 or owner = $3 or owned_until < now())`,
        [asBuffer(payer), asBuffer(callId), owner, force],
      )
      .catch((error: unknown) => {
        throw ledgerUnavailable(error);
      });
  }

  /** The messages of a stream, window by window; undefined once they are past their time. */
  async *messages(payer: Uint8Array, callId: Uint8Array): AsyncGenerator<Buffer[], boolean> {
    for (let n = 0; ; n++) {
      const { rows } = await this.pool
        .query<{ messages: Buffer | null; body: Buffer | null }>(
          'select messages, body from provider.stream_window where payer = $1 and call_id = $2 and n = $3',
          [asBuffer(payer), asBuffer(callId), n],
        )
        .catch((error: unknown) => {
          throw ledgerUnavailable(error);
        });
      const [row] = rows;
      if (row === undefined) return true;
      const packed = row.messages ?? (row.body === null ? undefined : await this.bodies.get(row.body));
      if (packed === undefined) return false;
      yield unpack(packed);
    }
  }

  async #recogniseOwn({ payer, callId, receipt }: StreamWindow): Promise<WindowResult> {
    const { rows } = await this.pool.query<{ spent: string }>(
      `select h.spent from provider.call c join provider.${this.table} h on h.id = c.channel
        where c.payer = $1 and c.call_id = $2 and c.proof = $3`,
      [asBuffer(payer), asBuffer(callId), asBuffer(receipt)],
    );
    const [row] = rows;
    return row === undefined ? { outcome: 'lost' } : { outcome: 'charged', spent: BigInt(row.spent) };
  }
}

const commitIn = (table: AccountTable): string => `
with kept as (
  insert into provider.call (channel, payer, call_id, state, commitment, proof, amount, at_sec, owner, owned_until, windows)
  select c.id, $2, $3, 'CHARGED', $4, $5, $6::numeric, $7::bigint, case when $9::boolean then null else $8::uuid end,
         now() + $10::float8 * interval '1 second', 1
    from provider.${table} c where c.id = $1
  on conflict (payer, call_id) do update
    set proof = excluded.proof, amount = excluded.amount, at_sec = excluded.at_sec,
        owner = excluded.owner, owned_until = excluded.owned_until, windows = call.windows + 1
    where call.owner = $8::uuid and call.windows = $11::integer
  returning windows
), stored as (
  insert into provider.stream_window (payer, call_id, n, messages, body)
  select $2, $3, $11::integer, $12::bytea, $13::bytea from kept
), paid as (
  update provider.${table} c
     set spent = c.spent + $14::numeric,
         calls = c.calls + case when $11::integer = 0 then 1 else 0 end,
         voucher = case when $15::numeric > c.authorised then $16::bytea else c.voucher end,
         authorised = greatest(c.authorised, $15::numeric),
         unclaimed_since_sec = case when $14::numeric = 0 then c.unclaimed_since_sec
                                    else coalesce(c.unclaimed_since_sec, $7::bigint) end
    from kept where c.id = $1
  returning c.spent
)
select spent from paid`;

/** Messages one after the other, each behind its length: the same bytes that the stream's digest is over. */
function pack(messages: readonly Uint8Array[]): Buffer {
  const out = Buffer.allocUnsafe(messages.reduce((size, message) => size + 4 + message.length, 0));
  let at = 0;
  for (const message of messages) {
    out.writeUInt32BE(message.length, at);
    out.set(message, at + 4);
    at += 4 + message.length;
  }
  return out;
}

function unpack(packed: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < packed.length; ) {
    const end = at + 4 + packed.readUInt32BE(at);
    messages.push(packed.subarray(at + 4, end));
    at = end;
  }
  return messages;
}
