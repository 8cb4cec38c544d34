import { setTimeout as delay } from 'node:timers/promises';
import { type BaseWallet, type JsonRpcProvider, Transaction, type TransactionReceipt } from 'ethers';
import type pg from 'pg';
import { MOST_MISSES } from '#contracts/chain.js';
import { isUnreachable, orChainError } from '#contracts/chain-provider.js';
import { explain, lackOfGasMoney } from '#contracts/explain.js';
import { askFees, DEFAULT_MAX_FEE, firstOffer, type OfferedFees, raisedOffer } from '#contracts/fees.js';
import { gasLimitFor } from '#contracts/gas-limit.js';
import { isFeeTooLow, isKnownAlready, isLackOfGasMoney } from '#contracts/refusals.js';
import { throwRevert } from '#contracts/throw-revert.js';
import { WeftError } from '#core/errors.js';
import { Turns } from '#core/turns.js';

export interface TransactionSenderOptions {
  readonly pool: pg.Pool;
  /** Schema that holds the table `sent_transaction`; must exist. */
  readonly schema: string;
  readonly key: BaseWallet;
  readonly provider: JsonRpcProvider;
  readonly rpcUrl: string;
  readonly chainId: bigint;
  /** Blocks on top of the transaction's own before it counts; 0 on anvil, which makes no empty ones. */
  readonly confirmations: number;
  /** Never offered more, in wei for each unit of gas. Default 500 gwei. */
  readonly maxFeePerGas?: bigint;
  /** A transaction that is not mined for so long is broadcast again, with all of the key's before it. Default 10,000. */
  readonly rebroadcastMs?: number;
}

export interface TransactionRequest {
  readonly to: string;
  readonly data: string;
}

/** A transaction, or the same one with a higher fee. */
interface StoredTransaction {
  readonly nonce: number;
  readonly hash: string;
  /** Hash of the form that was made first; its own if nobody raised the fee. */
  readonly first: string;
  readonly raw: string;
}

const FIRST_POLL_MS = 20;
const SLOWEST_POLL_MS = 2_000;
const REBROADCAST_MS = 10_000;

/**
 * Sends transactions of one key. The signed bytes are durable before they are broadcast and what they do is never made
 * anew: whatever dies, the same bytes are sent again, at most with a higher fee, and a nonce is used once. Any number
 * of processes may share key and database; an advisory lock lets one of them at a time pick a nonce or raise a fee.
 */
export class TransactionSender {
  readonly #options: TransactionSenderOptions;
  readonly #table: string;
  readonly #stop = new AbortController();
  readonly #turns = new Turns();

  private constructor(options: TransactionSenderOptions) {
    this.#options = options;
    this.#table = `"${options.schema}".sent_transaction`;
  }

  /** Makes the table if it is missing and broadcasts again what an earlier process left unmined. Errors: CHAIN_UNAVAILABLE. */
  static async start(options: TransactionSenderOptions): Promise<TransactionSender> {
    const sender = new TransactionSender(options);
    await sender.#underLock((client) => ask(client, createTable(sender.#table)));
    await sender.resume();
    return sender;
  }

  get address(): string {
    return this.#options.key.address;
  }

  get #maxFee(): bigint {
    return this.#options.maxFeePerGas ?? DEFAULT_MAX_FEE;
  }

  get #rebroadcastMs(): number {
    return this.#options.rebroadcastMs ?? REBROADCAST_MS;
  }

  /**
   * Sends and waits until the transaction is `confirmations` deep. A contract's refusal is thrown by its reason
   * before anything is sent, or after it was mined if the chain moved in between; FEE_ABOVE_LIMIT before anything is
   * stored. After CHAIN_UNAVAILABLE and LEDGER_UNAVAILABLE the bytes may be stored, and be mined yet.
   */
  async send(request: TransactionRequest): Promise<TransactionReceipt> {
    const stored = await this.#store(request);
    await this.#broadcastOutstanding(stored.hash);
    return await this.#mined(stored, request);
  }

  /**
   * Broadcasts, in order, everything stored whose nonce the chain has not used, also after a reorg took it back; with
   * a higher fee where the one it offers has become too low.
   */
  async resume(): Promise<void> {
    await this.#raiseFees();
    await this.#broadcastOutstanding();
  }

  /**
   * Resolves when everything that was ever stored is as deep in the chain as it has to be; gives the block at which it is
   * all there. Errors: CHAIN_UNAVAILABLE, CANCELLED.
   */
  async settled(): Promise<number> {
    const { provider, confirmations, key } = this.#options;
    let sentAt = 0;
    for (let pause = FIRST_POLL_MS; ; pause = Math.min(pause * 1.5, SLOWEST_POLL_MS)) {
      this.#stop.signal.throwIfAborted();
      const block = Math.max((await this.#rpc(provider.getBlockNumber())) - confirmations, 0);
      const used = await this.#rpc(provider.getTransactionCount(key.address, block));
      if ((await this.#storedFrom(this.#options.pool, used)).length === 0) return block;
      if (Date.now() - sentAt > this.#rebroadcastMs) {
        sentAt = Date.now();
        await this.resume();
      }
      await delay(pause, undefined, { signal: this.#stop.signal }).catch(() => {});
    }
  }

  /** Ends all waiting; what was sent stays sent. */
  stop(): void {
    this.#stop.abort(new WeftError('CANCELLED', 'the transaction sender was stopped'));
  }

  async #store(request: TransactionRequest): Promise<StoredTransaction> {
    const { provider, chainId } = this.#options;
    return await this.#underLock(async (client) => {
      const unsigned = Transaction.from({
        type: 2,
        chainId,
        to: request.to,
        data: request.data,
        nonce: await this.#nextNonce(client),
        gasLimit: await this.#gasLimit(request),
        ...firstOffer(await this.#rpc(askFees(provider)), this.#maxFee),
      });
      return await this.#keep(client, unsigned);
    });
  }

  /** Signs and makes durable. `replaces`: the first form of the transaction whose fee is raised. */
  async #keep(client: pg.ClientBase, unsigned: Transaction, replaces?: string): Promise<StoredTransaction> {
    const { key, chainId } = this.#options;
    const raw = await key.signTransaction(unsigned);
    const hash = Transaction.from(raw).hash as string;
    await ask(
      client,
      `insert into ${this.#table} (sender, chain_id, nonce, hash, raw, replaces) values ($1, $2, $3, $4, $5, $6)
       on conflict (hash) do update set refused = false`,
      [key.address, String(chainId), unsigned.nonce, hash, raw, replaces ?? null],
    );
    return { nonce: unsigned.nonce, hash, first: replaces ?? hash, raw };
  }

  /** Stores, beside each outstanding transaction that offers too little, the same one with a higher fee. */
  async #raiseFees(): Promise<void> {
    if ((await this.#raised(this.#options.pool)).length === 0) return;
    await this.#underLock(async (client) => {
      // Asked again: another process may have raised them meanwhile.
      for (const { unsigned, first } of await this.#raised(client)) await this.#keep(client, unsigned, first);
    });
  }

  async #raised(db: Queryable): Promise<{ unsigned: Transaction; first: string }[]> {
    const newest = new Map<string, Transaction>();
    for (const { first, raw } of await this.#outstanding(db)) {
      const transaction = Transaction.from(raw);
      const other = newest.get(first);
      if (other === undefined || offerOf(transaction).maxFeePerGas > offerOf(other).maxFeePerGas)
        newest.set(first, transaction);
    }
    if (newest.size === 0) return [];
    const asked = await this.#rpc(askFees(this.#options.provider));
    return [...newest].flatMap(([first, transaction]) => {
      const offer = raisedOffer(offerOf(transaction), asked, this.#maxFee);
      if (offer === undefined) return [];
      return [{ first, unsigned: Object.assign(transaction, offer, { signature: null }) }];
    });
  }

  /** The lowest that is free: while one is left out, none above it is ever mined. */
  async #nextNonce(client: pg.ClientBase): Promise<number> {
    const { key, provider } = this.#options;
    let nonce = await this.#rpc(provider.getTransactionCount(key.address, 'pending'));
    const taken = new Set((await this.#storedFrom(client, nonce)).map((stored) => stored.nonce));
    while (taken.has(nonce)) nonce++;
    return nonce;
  }

  /** Estimating runs the call, so a refusal costs nothing and shows its reason. */
  async #gasLimit({ to, data }: TransactionRequest): Promise<bigint> {
    const { key, provider } = this.#options;
    try {
      return gasLimitFor(await this.#rpc(provider.estimateGas({ from: key.address, to, data })));
    } catch (error) {
      throw explain(error);
    }
  }

  /** What the node says to a transaction is thrown only to the one who waits for it. */
  async #broadcastOutstanding(waitedFor?: string): Promise<void> {
    for (const stored of await this.#outstanding(this.#options.pool)) {
      const refusal = await this.#broadcast(stored).catch((error: unknown) => error);
      if (refusal !== undefined && stored.hash === waitedFor) throw refusal;
    }
  }

  async #broadcast({ hash, raw }: StoredTransaction): Promise<void> {
    const { provider } = this.#options;
    try {
      await this.#rpc(provider.send('eth_sendRawTransaction', [raw]));
    } catch (error) {
      // Unreachable, or a fee that became too low: waiting sends it again.
      if (error instanceof WeftError || isKnownAlready(error) || isFeeTooLow(error)) return;
      if (!isLackOfGasMoney(error)) throw explain(error);
      await ask(this.#options.pool, `update ${this.#table} set refused = true where hash = $1`, [hash]);
      throw explain(error);
    }
  }

  async #mined(stored: StoredTransaction, request: TransactionRequest): Promise<TransactionReceipt> {
    const { provider, confirmations, key } = this.#options;
    let forms = [stored.hash];
    let sentAt = Date.now();
    let wasNonceUsed = false;
    const look = async (): Promise<TransactionReceipt | undefined> => {
      const receipt = await this.#receiptOf(forms);
      if (receipt !== null) {
        if (confirmations === 0 || (await this.#rpc(provider.getBlockNumber())) >= receipt.blockNumber + confirmations)
          return receipt.status === 1 ? receipt : await throwRevert(provider, receipt, request);
      } else if (Date.now() - sentAt > this.#rebroadcastMs) {
        sentAt = Date.now();
        const isNonceUsed = (await this.#rpc(provider.getTransactionCount(key.address, 'latest'))) > stored.nonce;
        if (!isNonceUsed) await this.resume();
        forms = await this.#formsOf(stored.hash);
        if (forms.length === 0) throw lackOfGasMoney();
        // Believed the second time only: a node may know the nonce before it has the receipt.
        if (isNonceUsed && wasNonceUsed) await this.#throwIfReplaced(stored, forms);
        wasNonceUsed = isNonceUsed;
      }
      return undefined;
    };
    let misses = 0;
    for (let pause = FIRST_POLL_MS; ; pause = Math.min(pause * 1.5, SLOWEST_POLL_MS)) {
      this.#stop.signal.throwIfAborted();
      try {
        const receipt = await look();
        if (receipt !== undefined) return receipt;
        misses = 0;
      } catch (error) {
        // What is asked so often may go unanswered now and then: that says nothing of the transaction.
        if (!isUnreachable(error) || ++misses === MOST_MISSES) throw error;
      }
      await delay(pause, undefined, { signal: this.#stop.signal }).catch(() => {});
    }
  }

  /** The nonce is used and it was not by us: somebody else sends with this key. */
  async #throwIfReplaced({ hash, nonce }: StoredTransaction, forms: readonly string[]): Promise<void> {
    if ((await this.#receiptOf(forms)) !== null) return;
    throw new WeftError(
      'TRANSACTION_REVERTED',
      `transaction ${hash} was never mined: something else used nonce ${nonce} of ${this.address}`,
      { transaction: hash },
    );
  }

  async #outstanding(db: Queryable): Promise<StoredTransaction[]> {
    const { key, provider } = this.#options;
    return await this.#storedFrom(db, await this.#rpc(provider.getTransactionCount(key.address, 'latest')));
  }

  async #storedFrom(db: Queryable, nonce: number): Promise<StoredTransaction[]> {
    const { key, chainId } = this.#options;
    const rows = await ask<{ nonce: string; hash: string; first: string; raw: string }>(
      db,
      `select nonce, hash, coalesce(replaces, hash) as first, raw from ${this.#table}
        where sender = $1 and chain_id = $2 and not refused and nonce >= $3 order by nonce, replaces nulls first`,
      [key.address, String(chainId), nonce],
    );
    return rows.map((row) => ({ ...row, nonce: Number(row.nonce) }));
  }

  /** The transaction as first made and with every fee that was offered since; none if a node would not take it. */
  async #formsOf(first: string): Promise<string[]> {
    const text = `select hash from ${this.#table} where (hash = $1 or replaces = $1) and not refused`;
    const rows = await ask<{ hash: string }>(this.#options.pool, text, [first]);
    return rows.map(({ hash }) => hash);
  }

  /** Of any of them: what they do is the same, so whichever was mined, it is done. */
  async #receiptOf(forms: readonly string[]): Promise<TransactionReceipt | null> {
    const { provider } = this.#options;
    const receipts = await this.#rpc(Promise.all(forms.map((hash) => provider.getTransactionReceipt(hash))));
    return receipts.find((receipt) => receipt !== null) ?? null;
  }

  /** What a sender that was stopped meets of a node that is let go as well is no error of the node's. */
  async #rpc<T>(answer: Promise<T>): Promise<T> {
    try {
      return await orChainError(this.#options.rpcUrl, answer);
    } catch (error) {
      this.#stop.signal.throwIfAborted();
      throw error;
    }
  }

  /** One transaction under the key's advisory lock, which ends with it, also when this process dies. */
  #underLock<T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    // Who waits in this process holds no connection: those of the pool are for others, too.
    return this.#turns.take('lock', () => this.#locked(work));
  }

  async #locked<T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    const client = await this.#options.pool.connect().catch(unanswered);
    try {
      await ask(client, 'begin');
      await ask(client, 'select pg_advisory_xact_lock(hashtextextended($1, 0))', [
        `weft transaction sender ${this.#options.chainId} ${this.address}`,
      ]);
      const result = await work(client);
      await ask(client, 'commit');
      return result;
    } catch (error) {
      await client.query('rollback').catch(() => {});
      throw error;
    } finally {
      client.release();
    }
  }
}

/**
 * `refused`: the node would not take it, its nonce is free again. `replaces`: the transaction of which this is the same
 * with a higher fee. Locked, since two "if not exists" at once collide.
 */
const createTable = (table: string): string => `
  select pg_advisory_xact_lock(hashtextextended('weft transactions'' table', 0));
  create table if not exists ${table} (
    sender text not null,
    chain_id numeric not null,
    nonce bigint not null,
    hash text primary key,
    raw text not null,
    refused boolean not null default false,
    stored_at timestamptz not null default now()
  );
  alter table ${table} add column if not exists replaces text;
  drop index if exists ${table}_nonce;
  create unique index if not exists sent_transaction_first on ${table} (sender, chain_id, nonce)
    where not refused and replaces is null`;

type Queryable = Pick<pg.ClientBase, 'query'>;

async function ask<R extends pg.QueryResultRow>(db: Queryable, text: string, values: unknown[] = []): Promise<R[]> {
  return (await db.query<R>(text, values).catch(unanswered)).rows;
}

/** What was asked may have happened all the same: a transaction may be stored, and be sent yet. */
function unanswered(cause: unknown): never {
  throw new WeftError('LEDGER_UNAVAILABLE', 'the database of transactions does not answer; try again', {}, { cause });
}

/** We send with type 2 alone, which has both. */
const offerOf = ({ maxFeePerGas, maxPriorityFeePerGas }: Transaction): OfferedFees => ({
  maxFeePerGas: maxFeePerGas ?? 0n,
  maxPriorityFeePerGas: maxPriorityFeePerGas ?? 0n,
});
