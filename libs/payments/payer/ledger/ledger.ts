import { WeftError } from '#core/errors.js';
import { maxAmount, minAmount } from '#core/money.js';
import type { Reason } from '#core/reasons.js';
import { utcDay } from '#core/utc-day.js';
import type { Call, Receipt } from '../../typed-data.js';
import type { Signed } from '../../wire.js';
import {
  addLoose,
  type CallEntry,
  type ChannelEntry,
  isOpenCall,
  isOpenJob,
  type JobEntry,
  type LooseMoney,
  type PinEntry,
  type QuoteEntry,
  type TokenEntry,
  unownedOf,
} from './ledger-state.js';

export interface NewCall {
  readonly key: string;
  readonly quote: QuoteEntry;
  readonly pin: PinEntry;
  readonly call: Call;
  readonly commitment: Uint8Array;
  readonly nowSec: number;
}

export interface NewJob extends Omit<JobEntry, 'state' | 'day' | 'paid' | 'receipt'> {
  readonly quote: QuoteEntry;
  readonly pin: PinEntry;
}

/** An asset that is not paid any more. */
export interface Barred {
  readonly asset: bigint;
  readonly why: string;
}

/** What a reservation would change, computed before anything is. */
interface Plan {
  readonly cumulative: bigint;
  /** Loose money that the call's voucher covers again. */
  readonly reused: readonly { readonly loose: LooseMoney; readonly amount: bigint }[];
}

/**
 * The payer's rules (PROTOCOL section 4) over entries in memory. Every method is one synchronous step that either
 * throws and changes nothing, or changes everything that belongs together; `dirty` collects what has to be written.
 *
 * Per channel `signed = settled + reserved + loose`, where loose money is what a provider holds a voucher for and has
 * not charged. It belongs to the quote that signed it until a later call on the same channel covers it again. So
 * the exposures of all quotes on a channel add up to `signed`, which is what a dishonest provider could take.
 */
export class Ledger {
  readonly dirty = {
    channels: new Set<ChannelEntry>(),
    quotes: new Set<QuoteEntry>(),
    calls: new Set<CallEntry>(),
    jobs: new Set<JobEntry>(),
    tokens: new Set<TokenEntry>(),
    barred: new Set<Barred>(),
  };
  /** Channels whose providers have not been asked since the start. */
  readonly unproven = new Set<ChannelEntry>();

  /** `freed` is told when a channel has one call less in flight. */
  constructor(private readonly freed: (channel: ChannelEntry) => void = () => {}) {}

  /** Errors: PRICE_ABOVE_LIMIT, QUOTE_EXHAUSTED, LIMIT_EXCEEDED, CHANNEL_EMPTY, LEDGER_UNAVAILABLE (still recovering). */
  reserve({ key, quote, pin, call, commitment, nowSec }: NewCall): CallEntry {
    const channel = pin.channel as ChannelEntry;
    const plan = this.#plan(channel, quote, pin, call.maxAmount, nowSec);
    const entry: CallEntry = {
      key,
      channel,
      quote,
      pin,
      call,
      commitment,
      state: 'RESERVED',
      cumulative: plan.cumulative,
      day: utcDay(nowSec),
      attempts: 1,
      unclear: false,
      lastAttemptSec: nowSec,
      receipt: undefined,
    };
    this.#hold(entry, plan);
    return entry;
  }

  /**
   * The same call once more. A call that still holds its money keeps its voucher's amount, unless later charges have
   * eaten into it; a RELEASED one is reserved anew. Errors as of `reserve`; CALL_VOID, RECEIPT_INVALID.
   */
  repeat(entry: CallEntry, nowSec: number): void {
    const { channel, quote, pin } = entry;
    if (entry.state === 'VOID')
      throw new WeftError('CALL_VOID', 'this call was given up; its id cannot be used again', {
        callId: `0x${entry.key}`,
      });
    if (entry.state === 'DISPUTED')
      throw new WeftError('RECEIPT_INVALID', 'the receipt of this call did not verify; it is not paid again', {
        callId: `0x${entry.key}`,
      });
    if (entry.state === 'SETTLED') return;
    if (entry.state === 'RELEASED') {
      const plan = this.#plan(channel, quote as QuoteEntry, pin as PinEntry, entry.call.maxAmount, nowSec);
      entry.cumulative = plan.cumulative;
      entry.state = 'RESERVED';
      entry.day = utcDay(nowSec);
      entry.unclear = false;
      entry.attempts = 0;
      this.#hold(entry, plan);
    } else {
      entry.cumulative = maxAmount(entry.cumulative, channel.settled + channel.reserved);
      channel.signed = maxAmount(channel.signed, entry.cumulative);
    }
    entry.attempts++;
    entry.lastAttemptSec = nowSec;
    this.#mark(entry);
  }

  /** The provider said `not-charged`; believed only when no other attempt is unanswered. */
  release(entry: CallEntry): void {
    if (entry.attempts > 0) entry.attempts--;
    if (entry.state !== 'RESERVED' || entry.attempts > 0 || entry.unclear) return;
    this.#letGo(entry, 'RELEASED');
  }

  /** An attempt ended without a clear answer. */
  doubt(entry: CallEntry): void {
    if (!isOpenCall(entry)) return;
    entry.unclear = true;
    entry.state = 'DOUBT';
    this.#mark(entry);
  }

  /** A Void verified. A settled or disputed call stays what it is. */
  void(entry: CallEntry): void {
    if (isOpenCall(entry)) this.#letGo(entry, 'VOID');
    if (entry.state !== 'RELEASED') return;
    entry.state = 'VOID';
    this.#mark(entry);
  }

  /** A receipt verified. */
  settle(entry: CallEntry, receipt: Signed<Receipt>): void {
    if (isOpenCall(entry)) {
      this.#letGo(entry, 'SETTLED', receipt.amount);
    } else if (entry.state === 'RELEASED') {
      this.#takeBack(entry, receipt.amount);
      this.#spend(entry, receipt.amount);
      entry.state = 'SETTLED';
    } else return;
    entry.receipt = receipt;
    this.#mark(entry);
  }

  /** A receipt did not verify: the call's money stays set aside for good. */
  dispute(entry: CallEntry): void {
    if (!isOpenCall(entry)) return;
    entry.state = 'DISPUTED';
    entry.channel.inFlight--;
    this.#mark(entry);
    this.freed(entry.channel);
  }

  /** A charge that the provider remembers and the ledger does not; `entry` is SETTLED and nobody's. */
  adopt(entry: CallEntry, amount: bigint): void {
    this.#spend(entry, amount);
    entry.channel.signed = maxAmount(entry.channel.signed, entry.channel.settled + entry.channel.reserved);
    this.#mark(entry);
  }

  /** Whose a charge was that only the provider had remembered; it was signed for, so no limit is asked. */
  claim(entry: CallEntry, quote: QuoteEntry, pin: PinEntry, call: Call): void {
    const amount = entry.receipt?.amount ?? 0n;
    entry.quote = quote;
    entry.pin = pin;
    entry.call = call;
    quote.settled += amount;
    pin.settled += amount;
    if (quote.token !== undefined) quote.token.settled += amount;
    this.#mark(entry);
  }

  /** The chain gave the rest back: nothing that was signed on the channel can be taken any more. */
  end(channel: ChannelEntry, calls: Iterable<CallEntry>): void {
    channel.status = 'closed';
    channel.proven = true;
    this.unproven.delete(channel);
    for (const entry of calls) if (entry.channel === channel && isOpenCall(entry)) this.#letGo(entry, 'VOID');
    for (const loose of [...channel.loose]) this.#removeLoose(channel, loose, loose.amount);
    channel.signed = channel.settled + channel.reserved;
    this.dirty.channels.add(channel);
  }

  /** The provider has told what it knows; `highest` is the amount of the highest voucher it holds. */
  proved(channel: ChannelEntry, highest: bigint): void {
    // Of a channel that was found on chain nothing else is known; on others more may have been signed than was shown.
    channel.signed = maxAmount(channel.imported ? channel.settled : channel.signed, highest);
    if (channel.imported) channel.ceiling = channel.signed;
    channel.imported = false;
    channel.proven = true;
    this.unproven.delete(channel);
    this.dirty.channels.add(channel);
  }

  /** Settled, plus everything that may still be charged to the quote. */
  exposure(quote: QuoteEntry): bigint {
    return quote.settled + quote.held + quote.loose + this.#uncertain((each) => each === quote);
  }

  #plan(channel: ChannelEntry, quote: QuoteEntry, pin: PinEntry, max: bigint, nowSec: number): Plan {
    if (max > pin.maxPerCall) throw aboveMaximum(pin, max);
    const cumulative = maxAmount(channel.signed, channel.settled + channel.reserved + max);
    if (cumulative > channel.deposited)
      throw refusal('CHANNEL_EMPTY', 'the channel does not hold enough for this call', cumulative, channel.deposited);

    const reused = reuse(channel, quote, max - (cumulative - channel.signed));
    const fresh = (mine: (loose: LooseMoney) => boolean) =>
      reused.reduce((sum, { loose, amount }) => (mine(loose) ? sum - amount : sum), max);

    this.#checkSpend(quote, pin, max, fresh, nowSec);
    return { cumulative, reused };
  }

  /** Sets a job's amount aside, under the same limits as a call. Errors: PRICE_ABOVE_LIMIT, QUOTE_EXHAUSTED, LIMIT_EXCEEDED, LEDGER_UNAVAILABLE. */
  holdJob(job: NewJob, nowSec: number): JobEntry {
    const { quote, pin, call } = job;
    const amount = call.maxAmount;
    if (amount > pin.maxPerCall) throw aboveMaximum(pin, amount);
    this.#checkSpend(quote, pin, amount, () => amount, nowSec);
    const entry: JobEntry = { ...job, state: 'FUNDING', day: utcDay(nowSec), paid: 0n, receipt: undefined };
    addHeldJob(entry);
    const { token } = quote;
    if (token !== undefined) {
      this.#turnDay(token, entry.day);
      token.daySpent += amount;
    }
    this.#markJob(entry);
    return entry;
  }

  /** A job that the chain remembers and the ledger does not. Its money left with an earlier ledger, so no limit is asked. */
  adoptJob(entry: JobEntry): void {
    this.#markJob(entry);
  }

  /** Whose such a job is: the same call was asked for again. */
  claimJob(entry: JobEntry, quote: QuoteEntry, pin: PinEntry, call: Call): void {
    entry.quote = quote;
    entry.pin = pin;
    entry.call = call;
    if (isOpenJob(entry)) addHeldJob(entry);
    else for (const each of countersOf(entry)) each.settled += entry.paid;
    this.#markJob(entry);
  }

  /** The chain shows the job so. */
  moveJob(entry: JobEntry, state: 'FUNDED' | 'SUBMITTED'): void {
    if (!isOpenJob(entry) || entry.state === state || (entry.state === 'SUBMITTED' && state === 'FUNDED')) return;
    entry.state = state;
    this.#markJob(entry);
  }

  /** A receipt verified. It moves no money: the job's end does. */
  answerJob(entry: JobEntry, receipt: Signed<Receipt>): void {
    entry.receipt = receipt;
    this.#markJob(entry);
  }

  /** The job is over on chain: `paid` of its amount went to the provider, the rest is free again. */
  endJob(entry: JobEntry, state: 'COMPLETED' | 'REJECTED' | 'EXPIRED', paid: bigint): void {
    if (!isOpenJob(entry)) return;
    const { quote, call, day } = entry;
    entry.state = state;
    entry.paid = paid;
    for (const each of countersOf(entry)) {
      each.held -= call.maxAmount;
      each.settled += paid;
    }
    if (quote?.token?.day === day) quote.token.daySpent -= call.maxAmount - paid;
    this.#markJob(entry);
  }

  #checkSpend(
    quote: QuoteEntry,
    pin: PinEntry,
    max: bigint,
    fresh: (mine: (loose: LooseMoney) => boolean) => bigint,
    nowSec: number,
  ): void {
    const pinLimit = BigInt(pin.calls) * pin.maxPerCall;
    if (pin.settled + pin.held + max > pinLimit)
      throw refusal(
        'QUOTE_EXHAUSTED',
        `step "${pin.step}" has used up its ${pin.calls} calls`,
        pin.settled + pin.held + max,
        pinLimit,
      );
    const known = quote.settled + quote.held + quote.loose + fresh((loose) => loose.quote === quote);
    if (known > quote.limit) throw refusal('QUOTE_EXHAUSTED', 'the quote does not allow this call', known, quote.limit);
    if (known + this.#uncertain((each) => each === quote) > quote.limit) throw recovering();

    const { token } = quote;
    if (token !== undefined) this.#checkLimits(token, max, fresh, nowSec);
  }

  #checkLimits(token: TokenEntry, max: bigint, fresh: (mine: (l: LooseMoney) => boolean) => bigint, nowSec: number) {
    const { total, perCall, perDay } = token.limits;
    const today = utcDay(nowSec);
    if (perCall !== undefined && max > perCall)
      throw refusal('LIMIT_EXCEEDED', `token "${token.name}" may spend at most ${perCall} per call`, max, perCall);
    const ofToken = token.settled + token.held + token.loose + fresh(({ quote }) => quote.token === token);
    if (total !== undefined && ofToken > total)
      throw refusal('LIMIT_EXCEEDED', `token "${token.name}" may spend at most ${total} in all`, ofToken, total);
    const spentToday = token.day === today ? token.daySpent : 0n;
    const ofDay = spentToday + fresh((loose) => loose.quote.token === token && loose.day === today);
    if (perDay !== undefined && ofDay > perDay)
      throw refusal('LIMIT_EXCEEDED', `token "${token.name}" may spend at most ${perDay} per day (UTC)`, ofDay, perDay);
    const uncertain = this.#uncertain((quote) => quote.token === token);
    if (total !== undefined && ofToken + uncertain > total) throw recovering();
    if (perDay !== undefined && ofDay + uncertain > perDay) throw recovering();
  }

  /** What channels of these quotes may have signed and forgotten: counts against each of them until it is known. */
  #uncertain(concerned: (quote: QuoteEntry) => boolean): bigint {
    let sum = 0n;
    for (const channel of this.unproven) if ([...channel.quotes].some(concerned)) sum += unownedOf(channel);
    return sum;
  }

  #hold(entry: CallEntry, { cumulative, reused }: Plan): void {
    const { channel, quote, pin, call, day } = entry as CallEntry & { quote: QuoteEntry; pin: PinEntry };
    const { token } = quote;
    if (token !== undefined) this.#turnDay(token, day);
    for (const { loose, amount } of reused) this.#removeLoose(channel, loose, amount);
    channel.signed = cumulative;
    channel.reserved += call.maxAmount;
    channel.inFlight++;
    quote.held += call.maxAmount;
    pin.held += call.maxAmount;
    if (token !== undefined) {
      token.held += call.maxAmount;
      token.daySpent += call.maxAmount;
    }
    this.#mark(entry);
  }

  /** Ends a held call: `amount` of it is spent, the rest becomes loose. */
  #letGo(entry: CallEntry, state: 'SETTLED' | 'RELEASED' | 'VOID', amount = 0n): void {
    const { channel, quote, pin, call } = entry;
    entry.state = state;
    channel.reserved -= call.maxAmount;
    channel.inFlight--;
    if (quote !== undefined) quote.held -= call.maxAmount;
    if (pin !== undefined) pin.held -= call.maxAmount;
    if (quote?.token !== undefined) quote.token.held -= call.maxAmount;
    this.#spend(entry, amount);
    if (quote !== undefined && call.maxAmount > amount) addLoose(channel, quote, entry.day, call.maxAmount - amount);
    this.#mark(entry);
    this.freed(channel);
  }

  #spend({ channel, quote, pin }: CallEntry, amount: bigint): void {
    channel.settled += amount;
    if (quote !== undefined) quote.settled += amount;
    if (pin !== undefined) pin.settled += amount;
    if (quote?.token !== undefined) quote.token.settled += amount;
  }

  /** A call was charged after it had been released: its money is taken from what lies loose on the channel. */
  #takeBack({ channel, quote }: CallEntry, amount: bigint): void {
    for (const { loose, amount: taken } of reuse(channel, quote, amount)) this.#removeLoose(channel, loose, taken);
  }

  #removeLoose(channel: ChannelEntry, loose: LooseMoney, amount: bigint): void {
    loose.amount -= amount;
    if (loose.amount === 0n) channel.loose.splice(channel.loose.indexOf(loose), 1);
    const { quote } = loose;
    quote.loose -= amount;
    this.dirty.quotes.add(quote);
    if (quote.token === undefined) return;
    quote.token.loose -= amount;
    if (quote.token.day === loose.day) quote.token.daySpent -= amount;
    this.dirty.tokens.add(quote.token);
  }

  #turnDay(token: TokenEntry, day: number): void {
    if (token.day === day) return;
    token.day = day;
    token.daySpent = 0n;
  }

  #markJob(entry: JobEntry): void {
    this.dirty.jobs.add(entry);
    if (entry.quote !== undefined) this.dirty.quotes.add(entry.quote);
    if (entry.quote?.token !== undefined) this.dirty.tokens.add(entry.quote.token);
  }

  #mark(entry: CallEntry): void {
    this.dirty.calls.add(entry);
    this.dirty.channels.add(entry.channel);
    if (entry.quote !== undefined) this.dirty.quotes.add(entry.quote);
    if (entry.quote?.token !== undefined) this.dirty.tokens.add(entry.quote.token);
  }
}

/** Adds what an open job holds; also when it is loaded at start. */
export function addHeldJob(entry: JobEntry): void {
  for (const each of countersOf(entry)) each.held += entry.call.maxAmount;
}

/** Whatever counts what a job holds and what was paid for it; nothing does of a job that only the chain remembered. */
const countersOf = ({ quote, pin }: JobEntry) => [quote, pin, quote?.token].filter((each) => each !== undefined);

const aboveMaximum = (pin: PinEntry, wanted: bigint): WeftError =>
  refusal('PRICE_ABOVE_LIMIT', `step "${pin.step}" allows at most ${pin.maxPerCall} per call`, wanted, pin.maxPerCall);

/** Which loose money covers `amount`: the quote's own first, then nobody's, then the others', oldest first. */
function reuse(
  channel: ChannelEntry,
  quote: QuoteEntry | undefined,
  amount: bigint,
): { loose: LooseMoney; amount: bigint }[] {
  const taken: { loose: LooseMoney; amount: bigint }[] = [];
  let left = amount;
  const take = (from: readonly LooseMoney[]) => {
    for (const loose of from) {
      if (left <= 0n) return;
      const part = minAmount(loose.amount, left);
      taken.push({ loose, amount: part });
      left -= part;
    }
  };
  take(channel.loose.filter((loose) => loose.quote === quote));
  left -= unownedOf(channel);
  take(channel.loose.filter((loose) => loose.quote !== quote));
  return taken;
}

/** What an open quote may still sign on a channel. */
export function needOf(quote: QuoteEntry, channel: ChannelEntry): bigint {
  if (quote.closed) return 0n;
  let onChannel = 0n;
  for (const pin of quote.pins)
    if (pin.channel === channel) onChannel += BigInt(pin.calls) * pin.maxPerCall - pin.settled - pin.held;
  const left = quote.limit - quote.settled - quote.held;
  const need = minAmount(onChannel, left);
  return need > 0n ? need : 0n;
}

const refusal = (reason: Reason, message: string, wanted: bigint, limit: bigint): WeftError =>
  new WeftError(reason, message, { wanted: String(wanted), limit: String(limit) });

const recovering = (): WeftError =>
  new WeftError(
    'LEDGER_UNAVAILABLE',
    'after its restart the wallet is still asking a provider what was charged; try again in a moment',
  );

/** What all open quotes may still sign on a channel: `deposited - signed` has to cover it. */
export function needsOf(channel: ChannelEntry): bigint {
  let sum = 0n;
  for (const quote of channel.quotes) sum += needOf(quote, channel);
  return sum;
}
