import { WeftError } from '#core/errors.js';
import { sameBytes, toHex } from '#core/hex.js';
import { tenureKey } from '#core/tenure-key.js';
import { hashCall } from '../typed-data.js';
import { checkLength } from './check-length.js';
import type { InFlight } from './in-flight.js';
import type { LedgerBook } from './ledger/ledger-book.js';
import {
  type CallEntry,
  type ChannelEntry,
  idKey,
  isOpenCall,
  type PinEntry,
  type QuoteEntry,
  type TokenEntry,
} from './ledger/ledger-state.js';
import type { PayerChain } from './payer-chain.js';
import type { Proofs } from './proofs.js';
import { checkOwner, type QuoteDesk } from './quote-desk.js';
import type { Recovery } from './recovery.js';
import type { CallEnd, CallState, Reservation, ReserveRequest } from './wallet.js';

export interface CallDeskParts {
  readonly chain: PayerChain;
  readonly inFlight: InFlight;
  readonly proofs: Proofs;
  readonly quotes: QuoteDesk;
  readonly recovery: Recovery;
  /** Throws when the wallet may not decide anything any more. */
  readonly checkOpen: () => void;
  readonly warn: (message: string, details: Record<string, unknown>) => void;
}

/** Signs calls under open quotes, and learns how they ended. */
export class CallDesk {
  constructor(
    private readonly book: LedgerBook,
    private readonly parts: CallDeskParts,
  ) {}

  async reserve(request: ReserveRequest, token?: TokenEntry): Promise<Reservation> {
    checkLength(request.callId, 'callId', 32);
    checkLength(request.requestDigest, 'requestDigest', 32);
    const untilMs = this.parts.inFlight.untilMs;
    const key = idKey(request.callId);
    if (this.book.mayKnow(request.callId)) await this.book.call(request.callId);
    const quote = this.book.quotes.get(idKey(request.quoteId)) ?? (await this.parts.quotes.get(request.quoteId));
    checkOwner(quote, token);
    // Between the last look at the ledger and the decision nothing else can run: there is no `await`.
    for (;;) {
      this.parts.checkOpen();
      const entry = this.book.calls.get(key);
      const pin = pinOf(quote, request.step, this.parts.chain.nowSec());
      if (pin.job !== undefined)
        throw new WeftError('INVALID_INPUT', `step "${pin.step}" is settled by jobs; it takes no voucher`, {
          field: 'step',
        });
      const channel = entry?.channel ?? pin.channel;
      if (channel === undefined)
        throw new WeftError('INVALID_INPUT', `step "${pin.step}" costs nothing; it needs no voucher`, {
          field: 'step',
        });
      const call = {
        callId: request.callId,
        listing: pin.listing,
        method: pin.method,
        requestDigest: request.requestDigest,
        maxAmount: request.maxAmount ?? pin.maxPerCall,
      };
      if (this.book.jobs.has(key)) throw idReused(key);
      if (entry !== undefined) this.#checkSame(entry, quote, call);
      this.#checkUsable(channel, entry);
      const open = entry !== undefined && (isOpenCall(entry) || entry.state === 'SETTLED');
      if (!channel.proven) await this.parts.recovery.prove(channel);
      else if (!open && this.parts.inFlight.isFull(channel)) await this.parts.inFlight.wait(channel, untilMs);
      else {
        const nowSec = this.parts.chain.nowSec();
        if (entry === undefined) {
          const made = this.book.ledger.reserve({ key, quote, pin, call, commitment: hashCall(call), nowSec });
          this.book.addCall(made);
          return await this.#handOut(made);
        }
        if (entry.quote === undefined) this.book.ledger.claim(entry, quote, pin, call);
        this.book.ledger.repeat(entry, nowSec);
        return await this.#handOut(entry);
      }
    }
  }

  async settle(callId: Uint8Array, end: CallEnd, token?: TokenEntry): Promise<CallState> {
    const { ledger } = this.book;
    const entry = this.book.calls.get(idKey(callId)) ?? (await this.book.call(callId));
    if (entry === undefined) return await this.#settleUnknown(callId, end);
    if (entry.quote !== undefined) checkOwner(entry.quote, token);
    if (end === 'not-charged') ledger.release(entry);
    else if (end === 'unclear') ledger.doubt(entry);
    else {
      if (entry.state === 'SETTLED' || entry.state === 'VOID') return entry.state;
      const fault = await this.#faultOf(entry, end.receipt);
      if (fault === undefined) {
        ledger.settle(entry, end.receipt);
        this.#learntOf(entry.channel);
      } else if (isOpenCall(entry)) await this.dispute(entry, fault);
      else if (entry.state === 'RELEASED') throw invalidReceipt(fault);
    }
    this.book.changed(entry.channel);
    return entry.state;
  }

  /** Signs, and waits until that is safe: a voucher above the ceiling leaves only when its row is durable. */
  async #handOut(entry: CallEntry): Promise<Reservation> {
    const { channel } = entry;
    const payment = this.parts.recovery.voucher(entry);
    if (entry.cumulative <= channel.ceiling) this.book.changed(channel);
    else {
      try {
        await this.book.flush();
      } catch (error) {
        // The voucher stays here, so nobody was asked to do anything for it.
        this.book.ledger.release(entry);
        throw error;
      }
    }
    return { payment, receipt: entry.receipt };
  }

  async #settleUnknown(callId: Uint8Array, end: CallEnd): Promise<CallState> {
    const unknown = new WeftError('NOT_FOUND', 'the wallet has signed nothing for this call', {
      callId: toHex(callId),
    });
    if (typeof end === 'string') throw unknown;
    // Forgotten in a crash: the receipt itself proves the charge.
    const channel = this.book.channels.get(idKey(end.receipt.account));
    if (channel === undefined || !sameBytes(end.receipt.callId, callId)) throw unknown;
    // What was signed on a channel that was found on chain its provider has to show first.
    if (channel.imported) await this.parts.recovery.prove(channel);
    if (!(await this.parts.recovery.learn(channel, end.receipt))) throw invalidReceipt('it does not verify');
    return 'SETTLED';
  }

  /** Without an answer from the chain nothing is known about a signer; the sweeper asks again. */
  async #faultOf(entry: CallEntry, receipt: Parameters<Proofs['faultOfReceipt']>[0]): Promise<string | undefined> {
    try {
      return await this.parts.proofs.faultOfReceipt(receipt, entry.channel, entry);
    } catch (error) {
      this.book.ledger.doubt(entry);
      this.book.changed(entry.channel);
      throw error;
    }
  }

  #learntOf(channel: ChannelEntry): void {
    const key = tenureKey(channel.terms);
    if (this.book.knownTenures.has(key)) return;
    this.book.knownTenures.add(key);
    this.parts.inFlight.freed(channel);
  }

  /** The receipt is wrong: what the call holds stays held, and its asset is paid no more. */
  async dispute(entry: CallEntry, fault: string): Promise<void> {
    const { asset } = entry.channel.terms;
    this.book.ledger.dispute(entry);
    this.book.bar(asset, `a receipt did not verify (${fault})`);
    this.parts.warn('a receipt did not verify; its asset is paid no more', {
      asset: String(asset),
      callId: `0x${entry.key}`,
      fault,
    });
    await this.book.flush();
  }

  #checkUsable(channel: ChannelEntry, entry: CallEntry | undefined): void {
    const { asset } = channel.terms;
    const why = this.book.barred.get(asset);
    if (why !== undefined && entry?.state !== 'SETTLED')
      throw new WeftError('ASSET_BARRED', `asset ${asset} is not paid any more: ${why}`, { asset: String(asset) });
    if (entry?.state === 'SETTLED') return;
    if (channel.status === 'opening')
      throw new WeftError(
        'CHANNEL_UNKNOWN',
        'a reorganisation took the channel of this call; it is being brought back',
        {
          asset: String(asset),
        },
      );
    if (channel.status !== 'open')
      throw new WeftError('CHANNEL_CLOSED', 'the channel of this call is closed', { asset: String(asset) });
    if (channel.expiresAtSec <= this.parts.chain.nowSec())
      throw new WeftError('CHANNEL_EXPIRING', 'the channel of this call has run out', { asset: String(asset) });
  }

  #checkSame(entry: CallEntry, quote: QuoteEntry, call: Parameters<typeof hashCall>[0]): void {
    const same = (entry.quote === undefined || entry.quote === quote) && sameBytes(entry.commitment, hashCall(call));
    if (!same) throw idReused(entry.key);
  }
}

/** `key`: the call's id. */
export const idReused = (key: string): WeftError =>
  new WeftError('CALL_ID_REUSED', 'this call id was used for another request, step or quote', { callId: `0x${key}` });

/** The pin of a step that an open quote allows. */
export function pinOf(quote: QuoteEntry, step: string, nowSec: number): PinEntry {
  if (quote.closed || quote.expiresAtSec <= nowSec)
    throw new WeftError('QUOTE_CLOSED', quote.closed ? 'the quote is closed' : 'the quote has expired', {
      quoteId: toHex(quote.id),
    });
  const pin = quote.pins.find((each) => each.step === step);
  if (pin === undefined) throw new WeftError('INVALID_INPUT', `the quote has no step "${step}"`, { field: 'step' });
  return pin;
}

const invalidReceipt = (fault: string): WeftError =>
  new WeftError('RECEIPT_INVALID', `the receipt does not hold: ${fault}`, { field: fault.split(':')[0] ?? 'receipt' });
