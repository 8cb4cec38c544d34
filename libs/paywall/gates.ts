import { setTimeout as delay } from 'node:timers/promises';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import { minAmount } from '#core/money.js';
import type { ChainView } from '#payments/provider/chain-view.js';
import type { TokenGate } from '#payments/token-gate.js';
import { RecentMap } from '#platform/rate-limit.js';
import type { PaywallLimits } from './limits.js';

interface Holding {
  readonly amount: bigint;
  readonly readAtMs: number;
}

/**
 * Whether callers hold what a listing asks for. What the chain says of a holder is believed for `gateMs`, and read
 * again before a call is refused for it. A holder is somebody who has proved to be one: who funded the channel that
 * pays, or holds the licence that does.
 */
export class Gates {
  readonly #held: RecentMap<Holding>;
  readonly #reading = new Map<string, Promise<void>>();

  constructor(
    private readonly chain: ChainView,
    private readonly limits: PaywallLimits,
  ) {
    this.#held = new RecentMap(limits.maxChannels);
  }

  /** By what is in memory; undefined if the call may be served. */
  refusalOf(gate: TokenGate | undefined, holder: Uint8Array): WeftError | undefined {
    if (gate === undefined) return undefined;
    const known = this.#held.get(keyOf(gate, holder));
    const isFresh = known !== undefined && performance.now() - known.readAtMs < this.limits.gateMs;
    if (isFresh && known.amount >= gate.atLeast) return undefined;
    const { standard, token, id, atLeast } = gate;
    return new WeftError('TOKEN_REQUIRED', `only who holds ${atLeast} of the token ${token} may call this`, {
      standard,
      token,
      ...(id === undefined ? {} : { id: String(id) }),
      atLeast: String(atLeast),
      holder: toHex(holder),
    });
  }

  /** Asks the chain; of one holder at most every `rereadChannelMs`, and once for all who wait. Errors: CHAIN_UNAVAILABLE. */
  async read(gate: TokenGate, holder: Uint8Array): Promise<void> {
    const key = keyOf(gate, holder);
    let reading = this.#reading.get(key);
    if (reading === undefined) {
      reading = this.#read(gate, holder, key).finally(() => this.#reading.delete(key));
      this.#reading.set(key, reading);
    }
    await reading;
  }

  async #read(gate: TokenGate, holder: Uint8Array, key: string): Promise<void> {
    const last = this.#held.get(key)?.readAtMs ?? Number.NEGATIVE_INFINITY;
    const wait = last + this.limits.rereadChannelMs - performance.now();
    if (wait > 0) await delay(wait);
    const { credited, newest } = await this.chain.held(gate, holder);
    this.#held.set(key, { amount: minAmount(credited, newest), readAtMs: performance.now() });
  }
}

const keyOf = ({ standard, token, id }: TokenGate, holder: Uint8Array): string =>
  `${standard} ${token} ${id ?? ''} ${toHex(holder)}`;
