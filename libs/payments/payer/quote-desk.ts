import type { BaseWallet } from 'ethers';
import { MAX_JOB_SPAN_SEC, MAX_REVIEW_SEC, MIN_REVIEW_SEC } from '#contracts/jobs.js';
import { WeftError } from '#core/errors.js';
import { sameBytes, toHex } from '#core/hex.js';
import { MAX_AMOUNT, maxAmount, minAmount } from '#core/money.js';
import { tenureKey } from '#core/tenure-key.js';
import { Turns } from '#core/turns.js';
import { SigningKey } from '../signature.js';
import { escrowDomain, hashQuote, type Quote, signingHash } from '../typed-data.js';
import type { Signed } from '../wire.js';
import { checkLength } from './check-length.js';
import { Funding, type FundingParts, type Need } from './funding.js';
import {
  type ChannelEntry,
  idKey,
  limitOf,
  type PinEntry,
  type QuoteEntry,
  type TokenEntry,
} from './ledger/ledger-state.js';
import type { LicencePins } from './licence-pins.js';
import { hexKey } from './payer-chain.js';
import type { Recovery } from './recovery.js';
import type { JobWants, OpenedQuote, PinRequest, QuoteRequest } from './wallet.js';

const DAY_SEC = 86_400;
const MAX_PINS = 256;
const UINT32 = 2 ** 32;

/** Opens and closes quotes: checks them against chain and limits, has their channels filled, signs them. */
export class QuoteDesk {
  readonly funding: Funding;
  readonly #separator: Buffer;
  readonly #key: SigningKey;
  /** Quotes that would count on the same go one after the other. */
  readonly #turns = new Turns();

  constructor(
    private readonly parts: FundingParts,
    key: BaseWallet,
    private readonly recovery: Recovery,
    private readonly licences: LicencePins,
  ) {
    this.funding = new Funding(parts);
    this.#separator = escrowDomain(parts.domain);
    this.#key = new SigningKey(Buffer.from(key.privateKey.slice(2), 'hex'));
  }

  /** Throws QUOTE_UNKNOWN. */
  async get(quoteId: Uint8Array): Promise<QuoteEntry> {
    checkLength(quoteId, 'quoteId', 32);
    const quote = await this.parts.book.quote(quoteId);
    if (quote === undefined)
      throw new WeftError('QUOTE_UNKNOWN', 'the wallet knows no such quote; open it first', {
        quoteId: toHex(quoteId),
      });
    return quote;
  }

  /**
   * Errors: INVALID_INPUT, ASSET_BARRED, LISTING_NOT_IN_FORCE, LIMIT_EXCEEDED, FUNDS_TOO_LOW, CHAIN_UNAVAILABLE,
   * LEDGER_UNAVAILABLE; of pins with a licence those of `LicencePins`.
   */
  async open(request: QuoteRequest, token: TokenEntry | undefined): Promise<OpenedQuote> {
    checkRequest(request);
    const open = () => this.#open(request, token);
    // What one sets aside of a pass has to be seen by the next.
    const isLicensed = request.pins.some(({ licence }) => licence !== undefined);
    const turn = isLicensed ? () => this.#turns.take('licences', open) : open;
    // Whoever got no answer asks again while the first attempt still waits for the chain: it is one quote.
    return await this.#turns.take(`quote ${idKey(request.quoteId)}`, turn);
  }

  async #open(request: QuoteRequest, token: TokenEntry | undefined): Promise<OpenedQuote> {
    const { book, chain } = this.parts;
    const known = await book.quote(request.quoteId);
    if (known !== undefined) this.#checkSame(known, request, token);
    this.#checkAssets(request.pins);
    const expiresAtSec = this.#expiry(request, known, await chain.knowTime());
    await this.#checkHeads(request.pins, known !== undefined);
    this.#checkToken(request, known, token);
    // Of a quote that is known the calls that were made with a pass count already.
    if (known === undefined) await this.licences.check(request.pins, token);

    const needs = needsOf(request, known, expiresAtSec);
    // One whose provider does not answer stays out of use; another is opened.
    await Promise.allSettled(this.funding.imported(needs).map((channel) => this.recovery.prove(channel)));
    let transaction: string | undefined;
    let channels = this.#take(known, needs);
    if (channels === undefined) {
      // In turn; whatever the others before took or filled is seen.
      await this.inTurn(async () => {
        for (let round = 0; channels === undefined && round < 3; round++) {
          transaction = (await this.funding.fund(needs)) ?? transaction;
          channels = this.#take(known, needs);
        }
      });
    }
    if (channels === undefined)
      throw new WeftError('CHANNEL_EMPTY', 'other quotes took the money as fast as it was put in; try again');
    const quote = this.#enter(request, known, channels, expiresAtSec, token);
    await book.flush();
    return { quote: signedQuote(quote, this.parts.payer), pins: request.pins, transaction };
  }

  /** Nothing more is signed under it; what it set aside is free for others. */
  async close(quote: QuoteEntry): Promise<void> {
    this.#release(quote);
    await this.parts.book.flush();
  }

  /** Closes what has run out. */
  expire(nowSec: number): void {
    for (const quote of this.parts.book.quotes.values())
      if (!quote.closed && quote.expiresAtSec <= nowSec) this.#release(quote);
  }

  /** Channels whose opening an earlier process has not seen the end of. */
  async finishOpening(): Promise<void> {
    await this.inTurn(() => this.funding.finishOpening());
  }

  /** What spends the payer's free money goes one after the other. */
  async inTurn(work: () => Promise<void>): Promise<void> {
    await this.#turns.take('money', work);
  }

  #release(quote: QuoteEntry): void {
    const { ledger } = this.parts.book;
    quote.closed = true;
    ledger.dirty.quotes.add(quote);
    for (const { channel } of quote.pins) {
      if (channel === undefined) continue;
      channel.quotes.delete(quote);
      ledger.dirty.channels.add(channel);
    }
    this.parts.book.changed();
  }

  /** Channels that serve the needs as they are. A quote that is open already must not count against itself. */
  #take(known: QuoteEntry | undefined, needs: readonly Need[]): Map<string, ChannelEntry> | undefined {
    if (known !== undefined && !known.closed) for (const { channel } of known.pins) channel?.quotes.delete(known);
    const found = this.funding.find(needs);
    if (known !== undefined && !known.closed) for (const { channel } of known.pins) channel?.quotes.add(known);
    return found && new Map(needs.map((need, i) => [tenureKey(need), found[i]!]));
  }

  #enter(
    { quoteId, pins, maxTotal }: QuoteRequest,
    known: QuoteEntry | undefined,
    channels: ReadonlyMap<string, ChannelEntry>,
    expiresAtSec: number,
    token: TokenEntry | undefined,
  ): QuoteEntry {
    const { book, payer } = this.parts;
    const channelOf = (pin: PinRequest) => (isChannelPin(pin) ? channels.get(tenureKey(pin)) : undefined);
    const hash = hashQuote({ quoteId, payer, pins, maxTotal, expiresAtSec });
    const signature = this.#key.sign(signingHash(this.#separator, hash));
    let quote = known;
    if (quote === undefined) {
      const entries = pins.map((pin): PinEntry => ({ ...pin, channel: channelOf(pin), settled: 0n, held: 0n }));
      quote = {
        key: idKey(quoteId),
        id: quoteId,
        pins: entries,
        maxTotal,
        limit: limitOf(pins, maxTotal),
        expiresAtSec,
        signature,
        token,
        closed: false,
        settled: 0n,
        held: 0n,
        loose: 0n,
      };
    } else {
      for (const pin of quote.pins) {
        pin.channel?.quotes.delete(quote);
        pin.channel = channelOf(pin);
      }
      Object.assign(quote, { closed: false, expiresAtSec, signature });
    }
    book.quotes.set(quote.key, quote);
    for (const pin of pins) {
      const channel = channelOf(pin);
      if (channel === undefined) continue;
      channel.quotes.add(quote);
      channel.operators.add(hexKey(pin.operator));
      channel.endpoints = pin.endpoints;
      book.ledger.dirty.channels.add(channel);
    }
    book.ledger.dirty.quotes.add(quote);
    return quote;
  }

  #checkSame(known: QuoteEntry, request: QuoteRequest, token: TokenEntry | undefined): void {
    const samePins =
      known.pins.length === request.pins.length &&
      known.pins.every((pin, i) => {
        const other = request.pins[i]!;
        return (
          pin.step === other.step &&
          sameBytes(pin.listing, other.listing) &&
          pin.method === other.method &&
          pin.calls === other.calls &&
          pin.maxPerCall === other.maxPerCall &&
          pin.asset === other.asset &&
          pin.tenure === other.tenure &&
          sameJob(pin.job, other.job) &&
          sameBytes(pin.licence ?? NONE, other.licence ?? NONE)
        );
      });
    if (!samePins || known.maxTotal !== request.maxTotal)
      throw new WeftError('INVALID_INPUT', 'quoteId was used before, with other pins or another maximum', {
        field: 'quoteId',
      });
    checkOwner(known, token);
  }

  #expiry({ expiresAtSec }: QuoteRequest, known: QuoteEntry | undefined, nowSec: number): number {
    if (expiresAtSec === 0)
      return known !== undefined && known.expiresAtSec > nowSec ? known.expiresAtSec : nowSec + DAY_SEC;
    if (expiresAtSec <= nowSec && known?.expiresAtSec === expiresAtSec)
      throw new WeftError('QUOTE_CLOSED', 'the quote has expired', { field: 'expiresAtSec' });
    if (expiresAtSec <= nowSec)
      throw new WeftError('INVALID_INPUT', 'expiresAtSec has passed', { field: 'expiresAtSec' });
    if (expiresAtSec > nowSec + 30 * DAY_SEC)
      throw new WeftError('INVALID_INPUT', 'expiresAtSec is more than 30 days away', { field: 'expiresAtSec' });
    return expiresAtSec;
  }

  #checkAssets(pins: readonly PinRequest[]): void {
    for (const { asset } of pins) {
      const why = this.parts.book.barred.get(asset);
      if (why !== undefined)
        throw new WeftError('ASSET_BARRED', `asset ${asset} is not paid any more: ${why}`, { asset: String(asset) });
    }
  }

  /**
   * Whoever asks may be mistaken about whom he pays; the chain is not. Under a quote that is known the operator may have
   * been replaced meanwhile.
   */
  async #checkHeads(pins: readonly PinRequest[], known: boolean): Promise<void> {
    const byAsset = new Map(pins.filter(isServedForSomething).map((pin) => [pin.asset, pin]));
    await Promise.all(
      [...byAsset.values()].map(async (pin) => {
        const { chain } = this.parts;
        const agrees = (head: { tenure: number; operator: Uint8Array }) =>
          head.tenure === pin.tenure && (known || sameBytes(head.operator, pin.operator));
        if (agrees(await chain.head(pin.asset)) || agrees(await chain.head(pin.asset, true))) return;
        throw new WeftError(
          'LISTING_NOT_IN_FORCE',
          `on chain, asset ${pin.asset} has another tenure or operator than step "${pin.step}" says; look its listing up again`,
          { asset: String(pin.asset), step: pin.step },
        );
      }),
    );
  }

  #checkToken(request: QuoteRequest, known: QuoteEntry | undefined, token: TokenEntry | undefined): void {
    const total = token?.limits.total;
    if (token === undefined || total === undefined || known !== undefined) return;
    const left = maxAmount(total - token.settled - token.held - token.loose, 0n);
    const limit = limitOf(request.pins, request.maxTotal);
    if (limit > left)
      throw new WeftError(
        'LIMIT_EXCEEDED',
        `token "${token.name}" may still spend ${left}; the quote asks for ${limit}`,
        {
          wanted: String(limit),
          limit: String(left),
        },
      );
  }
}

/** Not free for everybody. */
const isServedForSomething = ({ maxPerCall, licence }: PinRequest): boolean => maxPerCall > 0n || licence !== undefined;

/** Paid, and not by jobs: these get their money when they are called. */
const isChannelPin = (pin: PinRequest): boolean => pin.maxPerCall > 0n && pin.job === undefined;

const sameJob = (one: JobWants | undefined, other: JobWants | undefined): boolean =>
  one === undefined || other === undefined
    ? one === other
    : one.spanSec === other.spanSec &&
      one.reviewSec === other.reviewSec &&
      sameBytes(one.evaluator ?? NOBODY, other.evaluator ?? NOBODY);

const NOBODY = new Uint8Array(20);
const NONE = new Uint8Array();

const hasLimits = ({ limits, scope }: TokenEntry): boolean =>
  scope !== 'ADMIN' && (limits.total !== undefined || limits.perCall !== undefined || limits.perDay !== undefined);

/**
 * A token with limits spends under its own quotes alone, where they are counted; others serve everybody's runs. An
 * undefined quote was an earlier ledger's.
 */
export function checkOwner(quote: QuoteEntry | undefined, token: TokenEntry | undefined): void {
  if (token === undefined || token === quote?.token || !hasLimits(token)) return;
  throw new WeftError('PERMISSION_DENIED', `token "${token.name}" has limits and did not open this quote`, {
    field: 'quoteId',
  });
}

export const signedQuote = (quote: QuoteEntry, payer: Uint8Array): Signed<Quote> => ({
  quoteId: quote.id,
  payer,
  pins: quote.pins,
  maxTotal: quote.maxTotal,
  expiresAtSec: quote.expiresAtSec,
  signature: quote.signature,
});

/** What a quote may still spend, by asset. */
function needsOf({ pins, maxTotal }: QuoteRequest, known: QuoteEntry | undefined, untilSec: number): Need[] {
  const left = limitOf(pins, maxTotal) - (known === undefined ? 0n : known.settled + known.held);
  const needs = new Map<string, Need>();
  pins.forEach((pin, i) => {
    if (!isChannelPin(pin)) return;
    const used = known === undefined ? 0n : known.pins[i]!.settled + known.pins[i]!.held;
    const amount = BigInt(pin.calls) * pin.maxPerCall - used;
    const before = needs.get(tenureKey(pin));
    needs.set(tenureKey(pin), {
      asset: pin.asset,
      tenure: pin.tenure,
      operator: pin.operator,
      endpoints: pin.endpoints,
      minChannel: maxAmount(pin.minChannel, before?.minChannel ?? 0n),
      amount: maxAmount(amount, 0n) + (before?.amount ?? 0n),
      untilSec,
    });
  });
  return [...needs.values()].map((need) => ({ ...need, amount: maxAmount(minAmount(need.amount, left), 0n) }));
}

function checkRequest({ quoteId, pins, maxTotal }: QuoteRequest): void {
  const fail = (field: string, must: string): never => {
    throw new WeftError('INVALID_INPUT', `${field} must ${must}`, { field });
  };
  if (quoteId.length !== 32) fail('quoteId', `have 32 bytes, not ${quoteId.length}`);
  if (pins.length === 0 || pins.length > MAX_PINS) fail('pins', `have 1 to ${MAX_PINS} entries`);
  if (maxTotal < 0n || maxTotal > MAX_AMOUNT) fail('maxTotal', 'be an amount');
  const steps = new Set<string>();
  const owners = new Map<bigint, PinRequest>();
  pins.forEach((pin, i) => {
    const at = `pins[${i}]`;
    if (pin.step.length === 0 || pin.step.length > 256) fail(`${at}.step`, 'have 1 to 256 characters');
    if (steps.has(pin.step)) fail(`${at}.step`, `be unique; "${pin.step}" is there twice`);
    steps.add(pin.step);
    if (pin.listing.length !== 32) fail(`${at}.listing`, 'have 32 bytes');
    if (pin.operator.length !== 20) fail(`${at}.operator`, 'have 20 bytes');
    if (pin.method.length === 0 || pin.method.length > 512) fail(`${at}.method`, 'have 1 to 512 characters');
    if (!Number.isInteger(pin.calls) || pin.calls < 1 || pin.calls >= UINT32) fail(`${at}.calls`, 'be 1 or more');
    if (pin.maxPerCall < 0n || pin.maxPerCall > MAX_AMOUNT) fail(`${at}.maxPerCall`, 'be an amount');
    if (pin.minChannel < 0n || pin.minChannel > MAX_AMOUNT) fail(`${at}.minChannel`, 'be an amount');
    if (pin.tenure < 1 || pin.tenure >= UINT32) fail(`${at}.tenure`, 'be 1 or more');
    if (isServedForSomething(pin) && pin.endpoints.length === 0) fail(`${at}.endpoints`, 'name at least one endpoint');
    if (pin.licence !== undefined) checkLicence(pin, at, fail);
    if (pin.job !== undefined) checkJobWants(pin.job, `${at}.job`, fail);
    const same = owners.get(pin.asset);
    if (same !== undefined && (same.tenure !== pin.tenure || !sameBytes(same.operator, pin.operator)))
      fail(at, `agree with step "${same.step}" about asset ${pin.asset}`);
    owners.set(pin.asset, pin);
  });
  if (limitOf(pins, maxTotal) > MAX_AMOUNT) fail('pins', 'add up to an amount');
}

function checkLicence(
  { licence, maxPerCall, job }: PinRequest,
  at: string,
  fail: (field: string, must: string) => never,
): void {
  if (licence?.length !== 32) fail(`${at}.licence`, 'have 32 bytes');
  if (maxPerCall !== 0n) fail(`${at}.maxPerCall`, 'be 0: a call with a licence costs nothing');
  if (job !== undefined) fail(`${at}.job`, 'not be set: no job pays for what a licence admits');
}

function checkJobWants(
  { evaluator, spanSec, reviewSec }: JobWants,
  at: string,
  fail: (field: string, must: string) => never,
): void {
  if (evaluator !== undefined && (evaluator.length !== 20 || evaluator.every((byte) => byte === 0)))
    fail(`${at}.evaluator`, 'be an address');
  const between = (value: number, least: number, most: number) =>
    Number.isInteger(value) && value >= least && value <= most;
  if (!between(spanSec, MIN_JOB_SPAN_SEC, MAX_JOB_SPAN_SEC))
    fail(`${at}.spanSec`, `be ${MIN_JOB_SPAN_SEC} to ${MAX_JOB_SPAN_SEC} seconds`);
  if (!between(reviewSec, MIN_REVIEW_SEC, MAX_REVIEW_SEC))
    fail(`${at}.reviewSec`, `be ${MIN_REVIEW_SEC} to ${MAX_REVIEW_SEC} seconds`);
}

/** Providers serve no call near its job's end. */
const MIN_JOB_SPAN_SEC = 3_600;
