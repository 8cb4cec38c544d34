import { setImmediate as endOfTurn } from 'node:timers/promises';

/** What became of one item of a group. */
export type Settled<R> = { readonly value: R } | { readonly error: unknown };

interface Waiting<T, R> {
  readonly item: T;
  readonly resolve: (value: R) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupLimits {
  readonly items: number;
  /** Sum of `sizeOf` over a group; a single larger item still goes, alone. */
  readonly size: number;
}

/**
 * Turns many single commits into few: everything that was added in one turn of the event loop, or while the group
 * before was being committed, goes together. `commit` answers for every item, in order; each item has an outcome of its own.
 */
export class GroupCommit<T, R> {
  #waiting: Waiting<T, R>[] = [];
  #running = false;
  #round: Promise<void> = Promise.resolve();

  constructor(
    private readonly commit: (items: readonly T[]) => Promise<readonly Settled<R>[]>,
    private readonly sizeOf: (item: T) => number,
    private readonly limits: GroupLimits,
  ) {}

  add(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#running) return;
      this.#running = true;
      this.#round = this.#run();
    });
  }

  /** Resolves when everything added so far has its outcome. */
  async settled(): Promise<void> {
    await this.#round;
  }

  async #run(): Promise<void> {
    // Requests that arrived in one packet are served one after the other in this turn of the loop.
    await endOfTurn();
    while (this.#waiting.length > 0) {
      const group = this.#next();
      let outcomes: readonly Settled<R>[];
      try {
        outcomes = await this.commit(group.map(({ item }) => item));
      } catch (error) {
        outcomes = group.map(() => ({ error }));
      }
      group.forEach(({ resolve, reject }, i) => {
        const outcome = outcomes[i] ?? { error: new Error('a group commit lost an outcome') };
        if ('value' in outcome) resolve(outcome.value);
        else reject(outcome.error);
      });
    }
    this.#running = false;
  }

  #next(): Waiting<T, R>[] {
    let size = 0;
    let count = 0;
    for (const { item } of this.#waiting) {
      size += this.sizeOf(item);
      if (count > 0 && (size > this.limits.size || count >= this.limits.items)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }
}
