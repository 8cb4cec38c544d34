import { AsyncLocalStorage } from 'node:async_hooks';
import { WeftError } from '#core/errors.js';

/** Counts what one metered call has used. */
export class Meter {
  #units: bigint | undefined;

  /** Undefined until something was reported, which may be 0. */
  get units(): bigint | undefined {
    return this.#units;
  }

  add(units: bigint): void {
    this.#units = (this.#units ?? 0n) + units;
  }
}

const meters = new AsyncLocalStorage<Meter>();

/**
 * Runs a handler so that what it reports goes to `meter`. Without one it just runs: once a process has a first metered
 * call, every promise in it costs a little more.
 */
export const withMeter = <T>(meter: Meter | undefined, handler: () => T): T =>
  meter === undefined ? handler() : meters.run(meter, handler);

/**
 * Tells the paywall how many units (tokens, pages, seconds, bytes: what the listing names) the running call has used
 * so far in addition. Reports add up; a stream may report before each message. Outside a paid call it does nothing, so
 * that a service also runs without its paywall.
 */
export function reportUnits(units: number | bigint): void {
  if (typeof units === 'number' && !Number.isSafeInteger(units))
    throw new WeftError('INTERNAL', `reportUnits takes whole numbers, not ${units}`);
  if (units < 0) throw new WeftError('INTERNAL', `reportUnits takes no negative number such as ${units}`);
  meters.getStore()?.add(BigInt(units));
}
