export const FIRST_PAUSE_MS = 1_000;
export const LONGEST_PAUSE_MS = 300_000;

/** Who did not answer is left alone for a while, longer each time. */
export class Pauses<K> {
  readonly #pauses = new Map<K, { readonly ms: number; readonly untilMs: number }>();

  has(key: K): boolean {
    return (this.#pauses.get(key)?.untilMs ?? 0) > Date.now();
  }

  /** Gives how long it lasts, in milliseconds. */
  begin(key: K): number {
    const ms = Math.min((this.#pauses.get(key)?.ms ?? FIRST_PAUSE_MS / 2) * 2, LONGEST_PAUSE_MS);
    this.#pauses.set(key, { ms, untilMs: Date.now() + ms });
    return ms;
  }

  end(key: K): void {
    this.#pauses.delete(key);
  }
}
