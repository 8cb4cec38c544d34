import { WeftError } from '#core/errors.js';
import type { ChannelEntry } from './ledger/ledger-state.js';

interface Waiter {
  readonly wake: () => void;
}

/** Lets calls wait, first come first served, for a place among a channel's open calls. */
export class InFlight {
  readonly #waiting = new Map<ChannelEntry, Waiter[]>();

  constructor(
    /** How many calls may be open on a channel now. */
    private readonly limit: (channel: ChannelEntry) => number,
    private readonly waitMs: number,
  ) {}

  isFull(channel: ChannelEntry): boolean {
    return channel.inFlight >= this.limit(channel);
  }

  /** Resolves when there may be a place; whoever comes first takes it. Errors: TOO_MANY_IN_FLIGHT. */
  wait(channel: ChannelEntry, untilMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiters = this.#waiting.get(channel) ?? [];
      this.#waiting.set(channel, waiters);
      const timer = setTimeout(
        () => {
          waiters.splice(waiters.indexOf(waiter), 1);
          reject(tooMany(channel, this.limit(channel)));
        },
        Math.max(untilMs - Date.now(), 0),
      );
      const waiter = {
        wake: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      waiters.push(waiter);
    });
  }

  get untilMs(): number {
    return Date.now() + this.waitMs;
  }

  /** A call of the channel ended. */
  freed(channel: ChannelEntry): void {
    const waiters = this.#waiting.get(channel);
    if (waiters === undefined) return;
    for (let free = this.limit(channel) - channel.inFlight; free > 0 && waiters.length > 0; free--)
      waiters.shift()?.wake();
    if (waiters.length === 0) this.#waiting.delete(channel);
  }
}

const tooMany = (channel: ChannelEntry, limit: number): WeftError =>
  new WeftError(
    'TOO_MANY_IN_FLIGHT',
    limit === 1
      ? 'the first call to this asset has not been answered yet; others follow when it has shown a receipt'
      : `${limit} calls to this asset are open already; try again when one has ended`,
    { asset: String(channel.terms.asset), limit: String(limit) },
  );
