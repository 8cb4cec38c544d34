import { EventEmitter, on } from 'node:events';
import pg from 'pg';
import { WeftError } from '#core/errors.js';
import { CHANGE_CHANNEL, type ChangeRow, type ListingStore } from '../store/listing-store.js';

/** What a replica that missed a notification waits at most. */
const POLL_MS = 5_000;
const RECONNECT_MS = 1_000;
const PAGE = 100;
const MAX_WATCHERS = 200;

/** Follows the sequence of changes, whichever replica wrote them: notified by the database, and polling in case that breaks. */
export class ChangeFeed {
  readonly #wakes = new EventEmitter().setMaxListeners(MAX_WATCHERS + 1);
  readonly #poll = setInterval(() => this.#wakes.emit('wake'), POLL_MS);
  #listener: pg.Client | undefined;
  #reconnect: NodeJS.Timeout | undefined;
  #watchers = 0;
  #isClosed = false;

  constructor(
    private readonly databaseUrl: string,
    private readonly store: ListingStore,
  ) {
    this.#poll.unref();
    void this.#listen();
  }

  /** Changes after `seq`, then changes as they happen, until `signal` aborts. Throws OVERLOADED when too many watch. */
  async *follow(seq: bigint, signal: AbortSignal): AsyncGenerator<ChangeRow> {
    if (this.#watchers >= MAX_WATCHERS)
      throw new WeftError('OVERLOADED', `${MAX_WATCHERS} watchers are all that this registry takes; try later`);
    this.#watchers++;
    // Listening before reading: what is written in between wakes us up again.
    const wakes = on(this.#wakes, 'wake', { signal });
    try {
      for (let last = seq; !signal.aborted; ) {
        const rows = await this.store.changesAfter(last, PAGE);
        for (const row of rows) {
          yield row;
          last = row.seq;
        }
        if (rows.length < PAGE) await wakes.next();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#watchers--;
      await wakes.return?.();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#poll);
    clearTimeout(this.#reconnect);
    await this.#listener?.end().catch(() => {});
  }

  async #listen(): Promise<void> {
    const client = new pg.Client({ connectionString: this.databaseUrl, keepAlive: true });
    this.#listener = client;
    const again = () => {
      if (this.#listener !== client) return;
      this.#listener = undefined;
      if (!this.#isClosed) this.#reconnect = setTimeout(() => void this.#listen(), RECONNECT_MS).unref();
    };
    client.on('error', again);
    client.on('end', again);
    client.on('notification', () => this.#wakes.emit('wake'));
    try {
      await client.connect();
      await client.query(`listen ${CHANGE_CHANNEL}`);
      if (this.#isClosed) await client.end();
      this.#wakes.emit('wake');
    } catch {
      again();
      await client.end().catch(() => {});
    }
  }
}
