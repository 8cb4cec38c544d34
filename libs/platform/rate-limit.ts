/** A bucket that fills with `perSec` tokens a second up to `burst`. `now` in milliseconds. */
export class TokenBucket {
  #tokens: number;
  #atMs: number;

  constructor(
    private readonly perSec: number,
    private readonly burst: number,
    private readonly now = () => performance.now(),
  ) {
    this.#tokens = burst;
    this.#atMs = now();
  }

  /** Takes `count` tokens; false, and none taken, if there are not as many. */
  take(count = 1): boolean {
    const nowMs = this.now();
    this.#tokens = Math.min(this.burst, this.#tokens + (Math.max(0, nowMs - this.#atMs) / 1000) * this.perSec);
    this.#atMs = nowMs;
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Seconds, from when tokens were last asked for, until there are `count`. */
  secUntil(count: number): number {
    return Math.max(0, count - this.#tokens) / this.perSec;
  }
}

/** A map that keeps the `limit` entries used last; `mayDrop` spares those in use. */
export class RecentMap<V> {
  readonly #entries = new Map<string, V>();

  constructor(
    private readonly limit: number,
    private readonly mayDrop: (value: V) => boolean = () => true,
  ) {}

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  /** Marks an entry as used. Apart from `get`, because most look-ups need no order. */
  touch(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
  }

  set(key: string, value: V): void {
    this.touch(key, value);
    if (this.#entries.size <= this.limit) return;
    for (const [oldest, candidate] of this.#entries) {
      if (!this.mayDrop(candidate) || oldest === key) continue;
      this.#entries.delete(oldest);
      return;
    }
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  values(): IterableIterator<V> {
    return this.#entries.values();
  }
}
