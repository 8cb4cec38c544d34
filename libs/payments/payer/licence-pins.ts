import { orChainError } from '#contracts/chain-provider.js';
import type { LicenceState } from '#contracts/licences.js';
import { type ErrorDetails, WeftError } from '#core/errors.js';
import { sameBytes, toHex } from '#core/hex.js';
import { maxAmount } from '#core/money.js';
import type { Reason } from '#core/reasons.js';
import { keyOf } from '#platform/key-of.js';
import type { ChannelKeys } from './channel-keys.js';
import type { QuoteEntry, TokenEntry } from './ledger/ledger-state.js';
import type { LicenceBook } from './licence-book.js';
import { checkUnlimited } from './licence-calls.js';
import type { PayerChain } from './payer-chain.js';
import type { PinRequest } from './wallet.js';

export interface LicencePinsParts {
  readonly book: LicenceBook;
  readonly chain: PayerChain;
  readonly keys: ChannelKeys;
  /** All that the wallet knows in memory; open ones are there. */
  readonly quotes: () => Iterable<QuoteEntry>;
}

/** Judges whether licences admit what a quote pins to them, before its first call: nothing is paid for a run that cannot end. */
export class LicencePins {
  constructor(private readonly parts: LicencePinsParts) {}

  /**
   * Errors: LIMIT_EXCEEDED, CONFIG_INVALID, NOT_FOUND, LICENCE_FOREIGN, LICENCE_ENDED, LICENCE_EXPIRED, LICENCE_SEALED,
   * LICENCE_USED_UP, CHAIN_UNAVAILABLE.
   */
  async check(pins: readonly PinRequest[], token: TokenEntry | undefined): Promise<void> {
    const licences = pins.flatMap(({ licence }) => licence ?? []);
    if (licences.length === 0) return;
    checkUnlimited(token);
    await this.parts.chain.readTime();
    const different = new Map(licences.map((id) => [toHex(id), id]));
    await Promise.all([...different.values()].map((id) => this.#check(id, pins.filter(isPinnedTo(id)))));
  }

  async #check(id: Uint8Array, pins: readonly PinRequest[]): Promise<void> {
    const { chain, book, keys } = this.parts;
    if (chain.licences === undefined)
      throw new WeftError('CONFIG_INVALID', 'this wallet knows no contract of licences', { licence: toHex(id) });
    const state = await orChainError(chain.options.rpcUrl, chain.licences.state(id));
    if ((await book.find(id)) === undefined)
      refuse('NOT_FOUND', id, 'is none of this wallet’s: `weft licence show` lists them');
    const foreign = pins.find(({ asset, tenure }) => asset !== state.asset || tenure !== state.tenure);
    if (foreign !== undefined)
      refuse('LICENCE_FOREIGN', id, `is for asset ${state.asset} in tenure ${state.tenure}`, { step: foreign.step });
    if (state.holder === undefined) refuse('LICENCE_ENDED', id, 'was refunded or revoked', { end: 'unknown' });
    const { validUntilSec } = state;
    if (validUntilSec !== undefined && chain.nowSec() >= validUntilSec)
      refuse('LICENCE_EXPIRED', id, 'has run out', { validUntilSec: String(validUntilSec) });
    if (state.signer === undefined)
      refuse('LICENCE_SEALED', id, 'takes no calls until its holder names a new signer: `weft licence signer`');
    if (!sameBytes(state.signer!, keys.presentLicenceKey(id, state).address))
      refuse('LICENCE_FOREIGN', id, 'is used by another key than this wallet’s', { signer: toHex(state.signer!) });
    await this.#checkCalls(id, state, pins);
  }

  /**
   * Whether a pass has a call for whoever asks under `quoteId`, which need be no quote: what open ones have set aside is
   * theirs. A call that was signed before is none more. Errors: LICENCE_USED_UP.
   */
  async checkOneMore(
    id: Uint8Array,
    { callId, quoteId }: { readonly callId: Uint8Array; readonly quoteId: Uint8Array | undefined },
    state: LicenceState,
  ): Promise<void> {
    if (state.callsLeft === undefined) return;
    const pinned = this.#pinned(id);
    if (pinned.size === 0 || [...pinned.keys()].some((quote) => quoteId && sameBytes(quote.id, quoteId))) return;
    if ((await this.parts.book.call(callId, id)) !== undefined) return;
    const setAside = await this.#setAside(id, pinned);
    if ((await this.#unused(id, state)) > setAside) return;
    const licence = toHex(id);
    throw new WeftError(
      'LICENCE_USED_UP',
      `all calls that licence ${licence} has left are set aside for runs; try again when one of them is over`,
      { licence, left: '0', setAside: String(setAside) },
    );
  }

  /**
   * Of a pass. What the chain has not counted yet this wallet has signed itself, or set aside: what an open quote may
   * still call is no other's.
   */
  async #checkCalls(id: Uint8Array, state: LicenceState, pins: readonly PinRequest[]): Promise<void> {
    if (state.callsLeft === undefined) return;
    const setAside = await this.#setAside(id, this.#pinned(id));
    const left = maxAmount((await this.#unused(id, state)) - setAside, 0n);
    const wanted = callsOf(pins);
    if (wanted <= left) return;
    const besides = setAside > 0n ? `, besides ${setAside} that open quotes have set aside` : '';
    refuse('LICENCE_USED_UP', id, `has ${left} calls left${besides}, and up to ${wanted} may be made with it`, {
      left: String(left),
      wanted: String(wanted),
      ...(setAside > 0n && { setAside: String(setAside) }),
    });
  }

  /** Calls of a pass that were not made yet, by what this wallet has signed. */
  async #unused(id: Uint8Array, { uses, callsLeft = 0n, signerNumber }: LicenceState): Promise<bigint> {
    return uses + callsLeft - maxAmount(uses, await this.parts.book.most(id, { signerNumber, uses }));
  }

  /** Open quotes that pin steps to a licence, with how many calls. */
  #pinned(id: Uint8Array): ReadonlyMap<QuoteEntry, bigint> {
    const { chain, quotes } = this.parts;
    const pinned = new Map<QuoteEntry, bigint>();
    for (const quote of quotes()) {
      if (quote.closed || quote.expiresAtSec <= chain.nowSec()) continue;
      const calls = callsOf(quote.pins.filter(isPinnedTo(id)));
      if (calls > 0n) pinned.set(quote, calls);
    }
    return pinned;
  }

  /** Calls of a pass that quotes have pinned and not made yet. */
  async #setAside(id: Uint8Array, pinned: ReadonlyMap<QuoteEntry, bigint>): Promise<bigint> {
    const quoteIds = [...pinned.keys()].map((quote) => quote.id);
    const made = await this.parts.book.madeUnder(id, quoteIds);
    let setAside = 0n;
    for (const [quote, calls] of pinned) setAside += maxAmount(calls - (made.get(keyOf(quote.id)) ?? 0n), 0n);
    return setAside;
  }
}

const isPinnedTo =
  (id: Uint8Array) =>
  ({ licence }: PinRequest): boolean =>
    licence !== undefined && sameBytes(licence, id);

const callsOf = (pins: readonly PinRequest[]): bigint => pins.reduce((sum, { calls }) => sum + BigInt(calls), 0n);

function refuse(reason: Reason, id: Uint8Array, what: string, details: ErrorDetails = {}): never {
  const licence = toHex(id);
  const message = `licence ${licence} ${what}; name another, or none, which pays for its steps by the call`;
  throw new WeftError(reason, message, { field: 'licences', licence, ...details });
}
