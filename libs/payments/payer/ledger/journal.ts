import { setTimeout as delay } from 'node:timers/promises';
import { WeftError } from '#core/errors.js';

export interface JournalOptions<T> {
  /** Takes what has changed since the last time; undefined if nothing has. Runs in one synchronous step. */
  readonly collect: () => T | undefined;
  /** Makes it durable. */
  readonly write: (changes: T) => Promise<void>;
  readonly written: (changes: T) => void;
  /** Gives changes back that could not be written; they come again with the next `collect`. */
  readonly restore: (changes: T) => void;
  /** How long a change that nobody waits for may wait for others. */
  readonly lingerMs: number;
  /** How long `flush` waits for a database that does not answer. */
  readonly patienceMs: number;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const LONGEST_PAUSE_MS = 2_000;

/**
 * Writes behind: everything that changed while one group was being written goes into the next. Whoever needs a
 * change to be durable waits for `flush`; others only say that there is something to write.
 */
export class Journal<T> {
  #waiters: Waiter[] = [];
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;
  #changed = false;
  #urgent = false;
  #failure: unknown;

  constructor(private readonly options: JournalOptions<T>) {}

  /** Why the last attempt to write failed; undefined when it worked. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Something changed that nobody waits for. */
  schedule(): void {
    this.#changed = true;
    if (this.#running !== undefined || this.#timer !== undefined || this.#stopped) return;
    this.#timer = setTimeout(() => this.#start(), this.options.lingerMs);
    this.#timer.unref();
  }

  /** Something changed that should be written at once, though nobody waits. */
  hurry(): void {
    this.#urgent = true;
    this.#start();
  }

  /** Resolves when everything up to now is durable. Errors: LEDGER_UNAVAILABLE; the changes are still written when that works again. */
  flush(): Promise<void> {
    if (this.#stopped) return Promise.reject(new WeftError('LEDGER_UNAVAILABLE', 'this ledger was closed'));
    return new Promise<void>((resolve, reject) => {
      const waiter: Waiter = { resolve: () => end(resolve), reject: (error) => end(() => reject(error)) };
      const timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((each) => each !== waiter);
        waiter.reject(this.#failure ?? new WeftError('LEDGER_UNAVAILABLE', "the wallet's database is slow to answer"));
      }, this.options.patienceMs);
      const end = (then: () => void) => {
        clearTimeout(timer);
        then();
      };
      this.#waiters.push(waiter);
      this.#start();
    });
  }

  /** Writes what is left, once, and stops. */
  async stop(): Promise<void> {
    await this.flush().finally(() => {
      this.#stopped = true;
      clearTimeout(this.#timer);
    });
    await this.#running;
  }

  #start(): void {
    if (this.#running !== undefined || this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#urgent = true;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#waiters.length > 0 || this.#urgent) this.#start();
      else if (this.#changed) this.schedule();
    });
  }

  async #run(): Promise<void> {
    for (let pauseMs = 10; (this.#urgent || this.#waiters.length > 0) && !this.#stopped; ) {
      const waiters = this.#waiters;
      this.#waiters = [];
      this.#urgent = false;
      this.#changed = false;
      const changes = this.options.collect();
      try {
        if (changes !== undefined) await this.options.write(changes);
      } catch (error) {
        this.#failure = error;
        if (changes !== undefined) this.options.restore(changes);
        this.#waiters = [...waiters, ...this.#waiters];
        this.#urgent = true;
        if (error instanceof WeftError && error.reason === 'LEDGER_IN_USE')
          for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
        await delay(pauseMs);
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
        continue;
      }
      pauseMs = 10;
      this.#failure = undefined;
      if (changes !== undefined) this.options.written(changes);
      for (const waiter of waiters) waiter.resolve();
    }
  }
}
