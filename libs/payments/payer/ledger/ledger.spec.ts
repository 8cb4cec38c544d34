import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { WeftError } from '#core/errors.js';
import type { Receipt } from '../../typed-data.js';
import type { Signed } from '../../wire.js';
import type { CallState } from '../wallet.js';
import { Ledger, needsOf } from './ledger.js';
import {
  type CallEntry,
  type ChannelEntry,
  idKey,
  limitOf,
  newChannel,
  type PinEntry,
  type QuoteEntry,
  type SpendingLimits,
  type TokenEntry,
  unownedOf,
} from './ledger-state.js';

const none: SpendingLimits = { total: undefined, perCall: undefined, perDay: undefined, expiresAtSec: undefined };
const DAY = 86_400;

const channelOf = (deposited = 1_000_000n): ChannelEntry => {
  const terms = { payer: randomBytes(20), signer: randomBytes(20), asset: 1n, tenure: 1, salt: 1n };
  return newChannel({ id: randomBytes(32), terms, status: 'open', expiresAtSec: 2_000_000_000, deposited });
};

const tokenOf = (limits: Partial<SpendingLimits>): TokenEntry => ({
  name: idKey(randomBytes(4)),
  hash: randomBytes(32),
  scope: 'SPEND',
  limits: { ...none, ...limits },
  revoked: false,
  settled: 0n,
  held: 0n,
  loose: 0n,
  day: 0,
  daySpent: 0n,
});

function quoteOf(
  pins: readonly { channel: ChannelEntry; calls: number; maxPerCall: bigint }[],
  { maxTotal = 1_000_000n, token }: { maxTotal?: bigint; token?: TokenEntry | undefined } = {},
): QuoteEntry {
  const id = randomBytes(32);
  const entries = pins.map(
    (pin, i): PinEntry => ({
      ...pin,
      step: `step ${i}`,
      listing: randomBytes(32),
      method: 'a.B/C',
      asset: 1n,
      tenure: 1,
      operator: randomBytes(20),
      endpoints: [],
      minChannel: 0n,
      settled: 0n,
      held: 0n,
    }),
  );
  const quote: QuoteEntry = {
    key: idKey(id),
    id,
    pins: entries,
    maxTotal,
    limit: limitOf(entries, maxTotal),
    expiresAtSec: 2_000_000_000,
    signature: new Uint8Array(64),
    token,
    closed: false,
    settled: 0n,
    held: 0n,
    loose: 0n,
  };
  for (const { channel } of pins) channel.quotes.add(quote);
  return quote;
}

function reserve(
  ledger: Ledger,
  quote: QuoteEntry,
  pin: PinEntry,
  maxAmount = pin.maxPerCall,
  nowSec = DAY,
): CallEntry {
  const callId = randomBytes(32);
  const call = { callId, listing: pin.listing, method: pin.method, requestDigest: randomBytes(32), maxAmount };
  return ledger.reserve({ key: idKey(callId), quote, pin, call, commitment: randomBytes(32), nowSec });
}

const receiptOf = (amount: bigint) => ({ amount }) as Signed<Receipt>;

/** Name of what was refused, or undefined. */
function refusalOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return (error as WeftError).reason;
  }
}

describe('the call’s states, payer’s side', () => {
  /** Every cell of PROTOCOL section 4: what an event makes of a call, and which part of its maximum stays set aside. */
  const events = {
    'not-charged': (ledger: Ledger, call: CallEntry) => ledger.release(call),
    unclear: (ledger: Ledger, call: CallEntry) => ledger.doubt(call),
    receipt: (ledger: Ledger, call: CallEntry) => ledger.settle(call, receiptOf(7n)),
    'bad receipt': (ledger: Ledger, call: CallEntry) => ledger.dispute(call),
    void: (ledger: Ledger, call: CallEntry) => ledger.void(call),
    retry: (ledger: Ledger, call: CallEntry) => ledger.repeat(call, DAY),
  };
  const table: Record<CallState, Record<keyof typeof events, CallState | `throws ${string}`>> = {
    RESERVED: {
      'not-charged': 'RELEASED',
      unclear: 'DOUBT',
      receipt: 'SETTLED',
      'bad receipt': 'DISPUTED',
      void: 'VOID',
      retry: 'RESERVED',
    },
    DOUBT: {
      'not-charged': 'DOUBT',
      unclear: 'DOUBT',
      receipt: 'SETTLED',
      'bad receipt': 'DISPUTED',
      void: 'VOID',
      retry: 'DOUBT',
    },
    RELEASED: {
      'not-charged': 'RELEASED',
      unclear: 'RELEASED',
      receipt: 'SETTLED',
      'bad receipt': 'RELEASED',
      void: 'VOID',
      retry: 'RESERVED',
    },
    SETTLED: {
      'not-charged': 'SETTLED',
      unclear: 'SETTLED',
      receipt: 'SETTLED',
      'bad receipt': 'SETTLED',
      void: 'SETTLED',
      retry: 'SETTLED',
    },
    VOID: {
      'not-charged': 'VOID',
      unclear: 'VOID',
      receipt: 'VOID',
      'bad receipt': 'VOID',
      void: 'VOID',
      retry: 'throws CALL_VOID',
    },
    DISPUTED: {
      'not-charged': 'DISPUTED',
      unclear: 'DISPUTED',
      receipt: 'DISPUTED',
      'bad receipt': 'DISPUTED',
      void: 'DISPUTED',
      retry: 'throws RECEIPT_INVALID',
    },
  };
  const reach: Record<CallState, (keyof typeof events)[]> = {
    RESERVED: [],
    DOUBT: ['unclear'],
    RELEASED: ['not-charged'],
    SETTLED: ['receipt'],
    VOID: ['void'],
    DISPUTED: ['bad receipt'],
  };

  for (const [from, row] of Object.entries(table))
    for (const [event, to] of Object.entries(row))
      it(`${from} with ${event} is ${to}`, () => {
        const ledger = new Ledger();
        const channel = channelOf();
        const quote = quoteOf([{ channel, calls: 1, maxPerCall: 10n }]);
        const call = reserve(ledger, quote, quote.pins[0]!);
        for (const step of reach[from as CallState]) events[step](ledger, call);
        expect(call.state).toBe(from);
        const refused = refusalOf(() => events[event as keyof typeof events](ledger, call));
        expect(refused === undefined ? call.state : `throws ${refused}`).toBe(to);

        const held = ['RESERVED', 'DOUBT', 'DISPUTED'].includes(call.state) ? 10n : 0n;
        const settled = call.state === 'SETTLED' ? 7n : 0n;
        expect({ reserved: channel.reserved, settled: channel.settled, signed: channel.signed }).toEqual({
          reserved: held,
          settled,
          signed: 10n,
        });
        // Whatever happened, the provider holds a voucher over 10: that much stays counted against the quote.
        expect(ledger.exposure(quote)).toBe(10n);
        expect(channel.inFlight).toBe(call.state === 'RESERVED' || call.state === 'DOUBT' ? 1 : 0);
      });

  it('believes `not-charged` only when no other attempt is unanswered', () => {
    const ledger = new Ledger();
    const quote = quoteOf([{ channel: channelOf(), calls: 1, maxPerCall: 10n }]);
    const call = reserve(ledger, quote, quote.pins[0]!);
    ledger.repeat(call, DAY);
    ledger.release(call);
    expect(call.state).toBe('RESERVED');
    ledger.release(call);
    expect(call.state).toBe('RELEASED');
  });
});

describe('released money', () => {
  it('is signed again on the same channel, but counts when another channel is used', () => {
    const ledger = new Ledger();
    const [here, there] = [channelOf(), channelOf()];
    const quote = quoteOf(
      [
        { channel: here, calls: 2, maxPerCall: 10n },
        { channel: there, calls: 2, maxPerCall: 10n },
      ],
      { maxTotal: 10n },
    );
    ledger.release(reserve(ledger, quote, quote.pins[0]!));
    expect(refusalOf(() => reserve(ledger, quote, quote.pins[1]!))).toBe('QUOTE_EXHAUSTED');
    expect(there.signed).toBe(0n);
    expect(reserve(ledger, quote, quote.pins[0]!).cumulative).toBe(10n);
    expect(ledger.exposure(quote)).toBe(10n);
  });

  it('goes over to the quote that signs it next, and the first one has it back', () => {
    const ledger = new Ledger();
    const channel = channelOf();
    const [one, two] = [1, 2].map(() => quoteOf([{ channel, calls: 3, maxPerCall: 10n }], { maxTotal: 10n }));
    ledger.release(reserve(ledger, one!, one!.pins[0]!));
    reserve(ledger, two!, two!.pins[0]!);
    expect([channel.signed, ledger.exposure(one!), ledger.exposure(two!)]).toEqual([10n, 0n, 10n]);
  });

  it('is taken back when the channel has ended', () => {
    const ledger = new Ledger();
    const channel = channelOf();
    const quote = quoteOf([{ channel, calls: 3, maxPerCall: 10n }], { token: tokenOf({ total: 10n }) });
    const call = reserve(ledger, quote, quote.pins[0]!);
    ledger.end(channel, [call]);
    expect([call.state, ledger.exposure(quote), quote.token?.loose]).toEqual(['VOID', 0n, 0n]);
  });
});

describe('limits of a token', () => {
  it('I10 hold for a call, in all and per day, whatever came back in between', () => {
    const ledger = new Ledger();
    const channel = channelOf();
    const token = tokenOf({ perCall: 10n, perDay: 25n, total: 40n });
    const quote = quoteOf([{ channel, calls: 100, maxPerCall: 20n }], { token });
    const pay = (max: bigint, nowSec = DAY) => refusalOf(() => reserve(ledger, quote, quote.pins[0]!, max, nowSec));
    expect(pay(11n)).toBe('LIMIT_EXCEEDED');
    expect([pay(10n), pay(10n), pay(6n), pay(5n)]).toEqual([undefined, undefined, 'LIMIT_EXCEEDED', undefined]);
    expect([pay(10n, 2 * DAY), pay(10n, 2 * DAY), pay(5n, 2 * DAY)]).toEqual([undefined, 'LIMIT_EXCEEDED', undefined]);
    expect(pay(1n, 3 * DAY)).toBe('LIMIT_EXCEEDED');
    expect(token.held).toBe(40n);
  });
});

describe('a channel with a forgotten past', () => {
  it('counts what may have been signed against its quotes until its provider has been asked', () => {
    const ledger = new Ledger();
    const [lost, other] = [channelOf(), channelOf()];
    Object.assign(lost, { signed: 50n, proven: false });
    ledger.unproven.add(lost);
    const quote = quoteOf(
      [
        { channel: lost, calls: 5, maxPerCall: 10n },
        { channel: other, calls: 1, maxPerCall: 10n },
      ],
      { maxTotal: 55n },
    );
    expect(ledger.exposure(quote)).toBe(50n);
    expect(refusalOf(() => reserve(ledger, quote, quote.pins[1]!))).toBe('LEDGER_UNAVAILABLE');
    ledger.proved(lost, 0n);
    expect(refusalOf(() => reserve(ledger, quote, quote.pins[1]!))).toBeUndefined();
    // The next voucher is not above what may have left already.
    expect(reserve(ledger, quote, quote.pins[0]!).cumulative).toBe(50n);
  });
});

/** `expect` costs more than what is checked here, a million times. */
function holds(fact: boolean, what: string): void {
  if (!fact) throw new Error(`does not hold: ${what}`);
}

/** A provider that follows the protocol, and holds the payer to it. */
class HonestProvider {
  authorised = 0n;
  spent = 0n;
  readonly charged = new Map<CallEntry, bigint>();
  readonly voided = new Set<CallEntry>();

  /** An attempt arrives: what becomes of it is `amount`, or undefined for a method that fails. */
  deliver(call: CallEntry, cumulative: bigint, amount: bigint | undefined): 'charged' | 'not-charged' {
    if (this.charged.has(call)) return 'charged';
    if (this.voided.has(call)) return 'not-charged';
    if (cumulative > this.authorised) this.authorised = cumulative;
    holds(this.spent + call.call.maxAmount <= this.authorised, 'an honest payer is never refused');
    if (amount === undefined) return 'not-charged';
    this.charged.set(call, amount);
    this.spent += amount;
    return 'charged';
  }
}

interface Attempt {
  readonly call: CallEntry;
  readonly cumulative: bigint;
  answer?: 'charged' | 'not-charged';
}

describe('T27 I10 the ledger against honest providers, in any order of events', () => {
  const operation = fc.record({
    what: fc.constantFrom(
      'reserve',
      'reserve',
      'deliver',
      'deliver',
      'answer',
      'answer',
      'lose',
      'repeat',
      'sweep',
      'day',
    ),
    which: fc.nat(1_000),
    part: fc.nat(10),
  });

  it('never signs above a limit, is never refused by a provider, and ends with equal sums', () => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 40, maxLength: 200, size: 'max' }), (operations) => {
        const ledger = new Ledger();
        const channels = [channelOf(), channelOf()];
        const providers = channels.map(() => new HonestProvider());
        const token = tokenOf({ total: 60n, perDay: 40n });
        const quotes = [0, 1, 2].map((i) =>
          quoteOf(
            channels.map((channel, j) => ({ channel, calls: 6, maxPerCall: 10n + BigInt(j) })),
            { maxTotal: i === 1 ? 35n : 1_000n, token: i < 2 ? token : undefined },
          ),
        );
        const calls: CallEntry[] = [];
        const attempts: Attempt[] = [];
        const providerOf = (call: CallEntry) => providers[channels.indexOf(call.channel)]!;
        let nowSec = DAY;

        const settleAs = (call: CallEntry) => {
          const amount = providerOf(call).charged.get(call);
          if (amount !== undefined) ledger.settle(call, receiptOf(amount));
          return amount !== undefined;
        };
        const sweep = (call: CallEntry) => {
          if (call.state !== 'RESERVED' && call.state !== 'DOUBT') return;
          if (settleAs(call)) return;
          providerOf(call).voided.add(call);
          ledger.void(call);
        };

        for (const { what, which, part } of operations) {
          const call = calls[which % Math.max(calls.length, 1)];
          const attempt = attempts[which % Math.max(attempts.length, 1)];
          if (what === 'day') nowSec += DAY;
          else if (what === 'reserve') {
            const quote = quotes[which % quotes.length]!;
            const pin = quote.pins[part % quote.pins.length]!;
            const before = channels.map(({ signed }) => signed);
            const refused = refusalOf(() => {
              const made = reserve(ledger, quote, pin, pin.maxPerCall, nowSec);
              calls.push(made);
              attempts.push({ call: made, cumulative: made.cumulative });
            });
            // A quote that covers all of its pins and has no token never refuses what its pins allow.
            const allowed = pin.settled + pin.held + pin.maxPerCall <= BigInt(pin.calls) * pin.maxPerCall;
            if (quote === quotes[2] && allowed) holds(refused === undefined, `its own pins allow it: ${refused}`);
            holds(
              refused === undefined || channels.every(({ signed }, i) => signed === before[i]),
              'a refusal changes nothing',
            );
          } else if (what === 'deliver' && attempt !== undefined) {
            const amount = part > 7 ? undefined : (attempt.call.call.maxAmount * BigInt(part)) / 7n;
            attempt.answer = providerOf(attempt.call).deliver(attempt.call, attempt.cumulative, amount);
          } else if (what === 'answer' && attempt?.answer !== undefined) {
            attempts.splice(attempts.indexOf(attempt), 1);
            if (attempt.answer === 'charged') settleAs(attempt.call);
            else ledger.release(attempt.call);
          } else if (what === 'lose' && attempt !== undefined) ledger.doubt(attempt.call);
          else if (what === 'repeat' && call !== undefined) {
            const refused = refusalOf(() => ledger.repeat(call, nowSec));
            if (refused === undefined) attempts.push({ call, cumulative: call.cumulative });
          } else if (what === 'sweep' && call !== undefined) sweep(call);

          for (const channel of channels) {
            const loose = channel.loose.reduce((sum, { amount }) => sum + amount, 0n);
            holds(
              channel.signed === channel.settled + channel.reserved + loose,
              'signed is settled, reserved and loose',
            );
            holds(
              channel.loose.every(({ amount }) => amount > 0n),
              'no empty loose money',
            );
            holds(unownedOf(channel) === 0n, 'all of it has an owner');
            holds(channel.signed <= channel.deposited, 'not above the deposit');
            holds(needsOf(channel) >= 0n, 'no negative need');
          }
          for (const quote of quotes) holds(ledger.exposure(quote) <= quote.limit, 'no quote above its limit');
          const signed = channels.reduce((sum, channel) => sum + channel.signed, 0n);
          const exposed = quotes.reduce((sum, quote) => sum + ledger.exposure(quote), 0n);
          holds(exposed === signed, 'what providers could take is what quotes count');
          holds(token.settled + token.held + token.loose <= 60n, 'no token above its limit');
          holds(token.daySpent >= 0n && token.daySpent <= 40n, 'no token above its limit of a day');
        }

        for (const call of calls) sweep(call);
        channels.forEach((channel, i) => {
          expect(channel.reserved).toBe(0n);
          expect(channel.settled).toBe(providers[i]!.spent);
        });
        // What was charged of a day's calls never passes that day's limit.
        const perDay = new Map<number, bigint>();
        for (const { quote, day, receipt } of calls)
          if (quote?.token === token) perDay.set(day, (perDay.get(day) ?? 0n) + (receipt?.amount ?? 0n));
        for (const sum of perDay.values()) expect(sum <= 40n).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
