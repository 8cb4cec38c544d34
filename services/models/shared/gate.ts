import { WeftError } from '#core/errors.js';

export interface GateOptions {
  /** How many pieces of work run at once. */
  readonly running: number;
  /** How many may wait for their turn; further ones are refused. */
  readonly waiting: number;
}

/** Keeps a model from drowning: a few pieces of work run, a few wait, the rest is refused before it costs memory. */
export class Gate {
  private running = 0;
  private readonly queue: (() => void)[] = [];

  constructor(private readonly options: GateOptions) {}

  /**
   * Runs `work` when its turn comes. Nobody waits for a call that was given up, so `isGone` is asked once more then.
   * @throws WeftError OVERLOADED when the queue is full
   */
  async run<T>(work: () => Promise<T>, isGone: () => boolean = () => false): Promise<T> {
    await this.enter();
    try {
      if (isGone()) throw new WeftError('CANCELLED', 'the caller gave up before its turn came');
      return await work();
    } finally {
      this.leave();
    }
  }

  private async enter(): Promise<void> {
    if (this.running < this.options.running) {
      this.running++;
      return;
    }
    if (this.queue.length >= this.options.waiting)
      throw new WeftError('OVERLOADED', `${this.options.waiting} calls are waiting already; try again later`);
    // Whoever leaves hands its place over, so that nobody who comes in between takes it.
    await new Promise<void>((resolve) => this.queue.push(resolve));
  }

  private leave(): void {
    const next = this.queue.shift();
    if (next === undefined) this.running--;
    else next();
  }
}
