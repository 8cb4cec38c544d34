import { setTimeout as delay } from 'node:timers/promises';
import {
  type BaseWallet,
  type Interface,
  isError,
  type JsonRpcProvider,
  Transaction,
  type TransactionReceipt,
} from 'ethers';
import type pg from 'pg';
import { WeftError } from '#core/errors.js';
import { orChainError } from './chain-provider.js';
import { decodeRevert } from './revert.js';

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
  /** Contracts whose errors are explained. */
  readonly interfaces: readonly Interface[];
}

export interface TransactionRequest {
  readonly to: string;
  readonly data: string;
}

interface StoredTransaction {
  readonly nonce: number;
  readonly hash: string;
  readonly raw: string;
}

const FIRST_POLL_MS = 20;
const SLOWEST_POLL_MS = 2_000;
/** A transaction that is not mined for this long is broadcast again, with all of the key's that come before it. */
const REBROADCAST_MS = 10_000;

/**
 * Sends transactions of one key. The signed bytes are durable before they are broadcast and are never made anew:
 * whatever dies, the same bytes are sent again, and a nonce is used once. Any number of processes may share key and
 * database; an advisory lock lets one of them at a time pick a nonce.
 */
export class TransactionSender {
  readonly #options: TransactionSenderOptions;
  readonly #table: string;
  readonly #stop = new AbortController();

  private constructor(options: TransactionSenderOptions) {
    this.#options = options;
    this.#table = `"${options.schema}".sent_transaction`;
  }

  /** Makes the table if it is missing and broadcasts again what an earlier process left unmined. Errors: CHAIN_UNAVAILABLE. */
  static async start(options: TransactionSenderOptions): Promise<TransactionSender> {
    const sender = new TransactionSender(options);
    await sender.#underLock((client) => client.query(createTable(sender.#table)));
    await sender.resume();
    return sender;
  }

  get address(): string {
    return this.#options.key.address;
  }

  /**
   * Sends and waits until the transaction is `confirmations` deep. A contract's refusal is thrown by its reason
   * before anything is sent, or after it was mined if the chain moved in between; CHAIN_UNAVAILABLE after the bytes
   * were stored means that it may still be mined.
   */
  async send(request: TransactionRequest): Promise<TransactionReceipt> {
    const stored = await this.#store(request);
    await this.#broadcastOutstanding(stored.hash);
    return await this.#mined(stored, request);
  }

  /** Broadcasts, in order, everything stored whose nonce the chain has not used; also after a reorg took it back. */
  async resume(): Promise<void> {
    await this.#broadcastOutstanding();
  }

  /** Resolves when everything that was ever stored is as deep in the chain as it has to be. Errors: CHAIN_UNAVAILABLE, CANCELLED. */
  async settled(): Promise<void> {
    const { provider, confirmations, key } = this.#options;
    let sentAt = 0;
    for (let pause = FIRST_POLL_MS; ; pause = Math.min(pause * 1.5, SLOWEST_POLL_MS)) {
      this.#stop.signal.throwIfAborted();
      const block = Math.max((await this.#rpc(provider.getBlockNumber())) - confirmations, 0);
      const used = await this.#rpc(provider.getTransactionCount(key.address, block));
      if ((await this.#storedFrom(used)).length === 0) return;
      if (Date.now() - sentAt > REBROADCAST_MS) {
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
    const { key, provider, chainId } = this.#options;
    return await this.#underLock(async (client) => {
      const unsigned = Transaction.from({
        type: 2,
        chainId,
        to: request.to,
        data: request.data,
        nonce: await this.#nextNonce(client),
        gasLimit: await this.#gasLimit(request),
        ...(await this.#rpc(fees(provider))),
      });
      const raw = await key.signTransaction(unsigned);
      const stored = { nonce: unsigned.nonce, hash: Transaction.from(raw).hash as string, raw };
      await client.query(
        `insert into ${this.#table} (sender, chain_id, nonce, hash, raw) values ($1, $2, $3, $4, $5)
         on conflict (hash) do update set refused = false`,
        [key.address, String(chainId), stored.nonce, stored.hash, raw],
      );
      return stored;
    });
  }

  async #nextNonce(client: pg.ClientBase): Promise<number> {
    const { key, provider } = this.#options;
    const onChain = await this.#rpc(provider.getTransactionCount(key.address, 'pending'));
    const { rows } = await client.query<{ highest: string | null }>(
      `select max(nonce) as highest from ${this.#table} where sender = $1 and chain_id = $2 and not refused`,
      [key.address, String(this.#options.chainId)],
    );
    return Math.max(onChain, Number(rows[0]?.highest ?? -1) + 1);
  }

  /** Estimating runs the call, so a refusal costs nothing and shows its reason. A quarter is added for what moves until it is mined. */
  async #gasLimit({ to, data }: TransactionRequest): Promise<bigint> {
    const { key, provider } = this.#options;
    try {
      return ((await this.#rpc(provider.estimateGas({ from: key.address, to, data }))) * 5n) / 4n;
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** What the node says to a transaction is thrown only to the one who waits for it. */
  async #broadcastOutstanding(waitedFor?: string): Promise<void> {
    for (const stored of await this.#outstanding()) {
      const refusal = await this.#broadcast(stored).catch((error: unknown) => error);
      if (refusal !== undefined && stored.hash === waitedFor) throw refusal;
    }
  }

  async #broadcast({ hash, raw }: StoredTransaction): Promise<void> {
    const { provider } = this.#options;
    try {
      await this.#rpc(provider.send('eth_sendRawTransaction', [raw]));
    } catch (error) {
      if (error instanceof WeftError || isKnownAlready(error)) return; // unreachable: waiting sends it again
      if (!isLackOfGasMoney(error)) throw this.#explain(error);
      await this.#options.pool.query(`update ${this.#table} set refused = true where hash = $1`, [hash]);
      throw this.#explain(error);
    }
  }

  async #mined(stored: StoredTransaction, request: TransactionRequest): Promise<TransactionReceipt> {
    const { provider, confirmations, key } = this.#options;
    let sentAt = Date.now();
    for (let pause = FIRST_POLL_MS; ; pause = Math.min(pause * 1.5, SLOWEST_POLL_MS)) {
      this.#stop.signal.throwIfAborted();
      const receipt = await this.#rpc(provider.getTransactionReceipt(stored.hash));
      if (receipt !== null) {
        if (confirmations === 0 || (await this.#rpc(provider.getBlockNumber())) >= receipt.blockNumber + confirmations)
          return receipt.status === 1 ? receipt : await this.#throwRevert(receipt, request);
      } else if (Date.now() - sentAt > REBROADCAST_MS) {
        sentAt = Date.now();
        if ((await this.#rpc(provider.getTransactionCount(key.address, 'latest'))) > stored.nonce)
          await this.#throwIfReplaced(stored);
        else await this.resume();
      }
      await delay(pause, undefined, { signal: this.#stop.signal }).catch(() => {});
    }
  }

  /** The nonce is used and it was not by us: somebody else sends with this key. */
  async #throwIfReplaced({ hash, nonce }: StoredTransaction): Promise<void> {
    if ((await this.#rpc(this.#options.provider.getTransactionReceipt(hash))) !== null) return;
    throw new WeftError(
      'TRANSACTION_REVERTED',
      `transaction ${hash} was never mined: something else used nonce ${nonce} of ${this.address}`,
      { transaction: hash },
    );
  }

  async #throwRevert(receipt: TransactionReceipt, { to, data }: TransactionRequest): Promise<never> {
    const { provider, key } = this.#options;
    const again = { from: key.address, to, data, blockTag: receipt.blockNumber };
    await this.#rpc(provider.call(again)).catch((error) => {
      throw this.#explain(error);
    });
    throw new WeftError('TRANSACTION_REVERTED', `transaction ${receipt.hash} reverted, perhaps for lack of gas`, {
      transaction: receipt.hash,
    });
  }

  async #outstanding(): Promise<StoredTransaction[]> {
    const { key, provider } = this.#options;
    return await this.#storedFrom(await this.#rpc(provider.getTransactionCount(key.address, 'latest')));
  }

  async #storedFrom(nonce: number): Promise<StoredTransaction[]> {
    const { key, pool, chainId } = this.#options;
    const { rows } = await pool.query<{ nonce: string; hash: string; raw: string }>(
      `select nonce, hash, raw from ${this.#table}
        where sender = $1 and chain_id = $2 and not refused and nonce >= $3 order by nonce`,
      [key.address, String(chainId), nonce],
    );
    return rows.map((row) => ({ ...row, nonce: Number(row.nonce) }));
  }

  #rpc<T>(answer: Promise<T>): Promise<T> {
    return orChainError(this.#options.rpcUrl, answer);
  }

  #explain(error: unknown): WeftError {
    return decodeRevert(error, this.#options.interfaces);
  }

  /** One transaction under the key's advisory lock, which ends with it, also when this process dies. */
  async #underLock<T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    const client = await this.#options.pool.connect();
    try {
      await client.query('begin');
      await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
        `weft transaction sender ${this.#options.chainId} ${this.address}`,
      ]);
      const result = await work(client);
      await client.query('commit');
      return result;
    } catch (error) {
      await client.query('rollback').catch(() => {});
      throw error;
    } finally {
      client.release();
    }
  }
}

/** `refused`: the node would not take it, its nonce is free again. Locked, since two "if not exists" at once collide. */
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
  create unique index if not exists sent_transaction_nonce on ${table} (sender, chain_id, nonce) where not refused`;

async function fees(provider: JsonRpcProvider): Promise<{ maxFeePerGas: bigint; maxPriorityFeePerGas: bigint }> {
  const { maxFeePerGas, maxPriorityFeePerGas, gasPrice } = await provider.getFeeData();
  const price = gasPrice ?? 0n;
  return { maxFeePerGas: maxFeePerGas ?? price, maxPriorityFeePerGas: maxPriorityFeePerGas ?? price };
}

/** The node has these bytes, or they are mined. */
const isKnownAlready = (error: unknown): boolean =>
  isError(error, 'NONCE_EXPIRED') || /already known|already imported|nonce too low/i.test(messageOf(error));

const isLackOfGasMoney = (error: unknown): boolean =>
  isError(error, 'INSUFFICIENT_FUNDS') || /insufficient funds/i.test(messageOf(error));

const messageOf = (error: unknown): string => {
  const inner = (error as { error?: { message?: unknown } }).error?.message;
  return typeof inner === 'string' ? inner : error instanceof Error ? error.message : '';
};
