/**
 * Spreads work over turns of the event loop, one piece in each, so that what a piece sends leaves before the next
 * begins. Answers that arrive in one packet would else all be judged, and their callers' next calls signed, before
 * the first of those calls leaves; and whoever is at the other end would wait all that time, and then get them all at
 * once.
 */
export class LoopTurns {
  readonly #waiting: (() => void)[] = [];
  #isTaken = false;

  /** Undefined if this turn is free, as it is for whoever comes alone. */
  take(): Promise<void> | undefined {
    if (this.#isTaken) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#isTaken = true;
    setImmediate(this.#next);
    return undefined;
  }

  readonly #next = (): void => {
    const begin = this.#waiting.shift();
    this.#isTaken = begin !== undefined;
    if (begin === undefined) return;
    setImmediate(this.#next);
    begin();
  };
}
