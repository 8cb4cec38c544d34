import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { send } from '#contracts/chain.js';
import { StreamDigest } from '#payments/digests.js';
import type { RawStream } from '#payments/rpc/raw-call.js';
import type { Payment } from '#payments/wire.js';
import { reportUnits } from '#paywall/units.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { FLOW, type PaidService, publishEcho, startPaidService, text, textOf } from '#test/support/paid-service.js';
import { openChannel, type PayingChannel, readTrailers, streamPaid } from '#test/support/paying.js';
import { questions } from '#test/support/payments-questions.js';

/** Resolved from outside. */
function signal() {
  let fire = () => {};
  const fired = new Promise<void>((resolve) => {
    fire = resolve;
  });
  return { fire, fired };
}

describe('paywall, server streams', () => {
  let chain: Chain;
  let service: PaidService;
  let asset: bigint;
  let flow: (text: string) => AsyncIterable<string>;

  beforeAll(async () => {
    chain = await startChain();
    const echo = await publishEcho(chain);
    asset = echo.asset;
    service = await startPaidService({
      chain,
      databaseUrl: await createDatabase(),
      ...echo,
      limits: { extendWaitMs: 3_000, streamLeaseMs: 2_000 },
      handlers: { flow: (words) => flow(words) },
    });
    await chain.fund(chain.account(2), 1_000_000n);
  });

  afterAll(async () => {
    await service?.stop();
    await chain?.stop();
  });

  const open = (): Promise<PayingChannel> => openChannel(chain, chain.account(2), asset, 10_000n);

  const words = async function* (line: string) {
    for (const word of line.split(' ')) {
      reportUnits(word.length);
      yield word;
    }
  };

  async function collect(stream: RawStream) {
    const messages: string[] = [];
    const digest = new StreamDigest();
    let error: unknown;
    try {
      for await (const bytes of stream) {
        digest.add(bytes);
        messages.push(textOf(bytes));
      }
    } catch (caught) {
      error = caught;
    }
    const status = await stream.status;
    return { messages, digest: digest.digest(), error, ...readTrailers(status.trailers) };
  }

  test('charges a stream for what it sent and signs for all of it', async () => {
    flow = words;
    const channel = await open();
    const request = text('one three five');
    const got = await collect(
      streamPaid(service.client, `/${FLOW}`, request, channel.pay(service.call(FLOW, request, 1_000n))),
    );
    expect(got).toMatchObject({ messages: ['one', 'three', 'five'], error: undefined, outcome: 'charged' });
    expect(got.receipt).toMatchObject({ amount: 12n, units: 12n, outcome: 'complete' });
    expect(got.digest.equals(got.receipt!.responseDigest)).toBe(true);
    expect(await service.ledger.channel(channel.id)).toMatchObject({ spent: 12n, calls: 1n });
  });

  test('sends a stored stream again and charges nothing for it', async () => {
    flow = words;
    const channel = await open();
    const request = text('this is stored');
    const call = service.call(FLOW, request, 1_000n);
    const first = await collect(streamPaid(service.client, `/${FLOW}`, request, channel.pay(call)));
    const again = await collect(streamPaid(service.client, `/${FLOW}`, request, channel.pay(call)));
    expect(again).toEqual(first);
    expect(service.calls.filter((each) => each === 'this is stored')).toHaveLength(1);
    expect(await service.ledger.channel(channel.id)).toMatchObject({ spent: 12n });
  });

  test('charges nothing for a stream that fails before its first message', async () => {
    // biome-ignore lint/correctness/useYield: it fails first
    flow = async function* () {
      throw new Error('broken model');
    };
    const channel = await open();
    const request = text('fails');
    const got = await collect(
      streamPaid(service.client, `/${FLOW}`, request, channel.pay(service.call(FLOW, request, 1_000n))),
    );
    expect(got).toMatchObject({ messages: [], error: { reason: 'INTERNAL' }, outcome: 'not-charged' });
    expect(await service.ledger.channel(channel.id)).toMatchObject({ spent: 0n, calls: 0n });
  });

  test('charges a stream that breaks for what was sent, and sends that part again', async () => {
    flow = async function* () {
      reportUnits(5);
      yield 'sent';
      await sentFirst.fired;
      throw new Error('broken model');
    };
    const sentFirst = signal();
    const channel = await open();
    const request = text('breaks');
    const call = service.call(FLOW, request, 1_000n);
    const stream = streamPaid(service.client, `/${FLOW}`, request, channel.pay(call));
    const got = collect({
      status: stream.status,
      cancel: () => {},
      async *[Symbol.asyncIterator]() {
        for await (const bytes of stream) {
          yield bytes;
          sentFirst.fire();
        }
      },
    });
    expect(await got).toMatchObject({ messages: ['sent'], error: { reason: 'INTERNAL' }, outcome: 'charged' });
    expect((await got).receipt).toMatchObject({ amount: 5n, outcome: 'partial' });
    const again = await collect(streamPaid(service.client, `/${FLOW}`, request, channel.pay(call)));
    expect(again).toMatchObject({ messages: ['sent'], error: { reason: 'STREAM_BROKEN' }, outcome: 'charged' });
    expect(again.receipt).toEqual((await got).receipt);
    expect(await service.ledger.channel(channel.id)).toMatchObject({ spent: 5n, calls: 1n });
  });

  test('a message that is none breaks its stream off, charged for what went before, and nothing else', async () => {
    flow = async function* () {
      reportUnits(5);
      yield 'whole';
      reportUnits(5);
      yield undefined as never;
    };
    const channel = await open();
    const request = text('half of it');
    const call = () => channel.pay(service.call(FLOW, request, 1_000n));
    const got = await collect(streamPaid(service.client, `/${FLOW}`, request, call()));
    expect(got).toMatchObject({ error: { reason: 'INTERNAL' } });
    expect(got.receipt?.amount ?? 0n).toBe(BigInt(got.messages.join('').length));
    expect(await service.ledger.channel(channel.id)).toMatchObject({ spent: got.receipt?.amount ?? 0n });
    flow = words;
    expect(await collect(streamPaid(service.client, `/${FLOW}`, request, call()))).toMatchObject({
      messages: ['half', 'of', 'it'],
      error: undefined,
    });
  });

  test('T26 goes on only as far as it is authorised, and further when a voucher comes', async () => {
    flow = words;
    const channel = await open();
    const request = text('aaaaa bbbbb ccccc');
    const call = service.call(FLOW, request, 1_000n);
    const stream = streamPaid(service.client, `/${FLOW}`, request, channel.pay(call, 7n));
    const messages = stream[Symbol.asyncIterator]();
    expect(textOf((await messages.next()).value)).toBe('aaaaa');
    expect(await service.ledger.channel(channel.id)).toMatchObject({ spent: 5n, authorised: 7n });
    await questions(service.client, channel).extend(channel.pay(call, 15n));
    expect(textOf((await messages.next()).value)).toBe('bbbbb');
    expect(textOf((await messages.next()).value)).toBe('ccccc');
    expect((await messages.next()).done).toBe(true);
    expect(readTrailers((await stream.status).trailers).receipt).toMatchObject({ amount: 15n, outcome: 'complete' });
  });

  test('T26 a payer who stops paying gets no more than was paid', async () => {
    flow = words;
    const channel = await open();
    const request = text('aaaaa bbbbb ccccc');
    const call = service.call(FLOW, request, 1_000n);
    const got = await collect(streamPaid(service.client, `/${FLOW}`, request, channel.pay(call, 12n)));
    expect(got).toMatchObject({ messages: ['aaaaa', 'bbbbb'], error: { reason: 'UNDERPAID' }, outcome: 'charged' });
    expect(got.receipt).toMatchObject({ amount: 10n, outcome: 'partial' });
    expect(await service.ledger.channel(channel.id)).toMatchObject({ spent: 10n });
  });

  test('a stream whose channel holds too little for it says so, and is served once that is topped up', async () => {
    flow = words;
    const payer = chain.account(2);
    const channel = await openChannel(chain, payer, asset, 1_000n);
    const ask = (request: Uint8Array, payment: Payment) =>
      collect(streamPaid(service.client, `/${FLOW}`, request, payment));
    const first = text('x'.repeat(500));
    await ask(first, channel.pay(service.call(FLOW, first, 500n)));
    const request = text('y'.repeat(700));
    const payment = channel.pay(service.call(FLOW, request, 1_000n));
    expect(await ask(request, payment)).toMatchObject({
      messages: [],
      error: { reason: 'CHANNEL_EMPTY', retryable: true },
      outcome: 'not-charged',
    });
    await send(payer, chain.escrow.topUpTo(channel.terms, 1_200n));
    expect(await ask(request, payment)).toMatchObject({ error: undefined, receipt: { amount: 700n } });
    expect(await service.ledger.channel(channel.id)).toMatchObject({ spent: 1_200n });
  });

  test('T36 never costs more than the maximum of its call', async () => {
    flow = words;
    const channel = await open();
    const request = text('aaaaa bbbbb');
    const got = await collect(
      streamPaid(service.client, `/${FLOW}`, request, channel.pay(service.call(FLOW, request, 9n), 1_000n)),
    );
    expect(got).toMatchObject({ messages: ['aaaaa'], error: { reason: 'MAX_AMOUNT_TOO_LOW' } });
    expect(got.receipt).toMatchObject({ amount: 5n });
  });

  test('a caller who goes away pays for what was committed, and the rest is free for others', async () => {
    const gone = signal();
    flow = async function* () {
      for (let i = 0; ; i++) {
        reportUnits(1);
        yield String(i);
        if (i === 2) await gone.fired;
      }
    };
    const channel = await open();
    const request = text('endless');
    const call = service.call(FLOW, request, 1_000n);
    const stream = streamPaid(service.client, `/${FLOW}`, request, channel.pay(call));
    let seen = 0;
    for await (const _ of stream) if (++seen === 3) break;
    await stream.status;
    let answer = await questions(service.client, channel).getCall(call.callId);
    while (answer.state === 2) answer = await questions(service.client, channel).getCall(call.callId);
    gone.fire();
    expect(answer.state).toBe(3);
    expect(answer.receipt).toMatchObject({ amount: '3', outcome: 2 });
    flow = words;
    const all = 10_000n - 3n;
    const next = text('later');
    channel.signed = 0n;
    const reply = await collect(
      streamPaid(service.client, `/${FLOW}`, next, channel.pay(service.call(FLOW, next, all), 10_000n)),
    );
    expect(reply.error).toBeUndefined();
  });

  test('the same call again while its stream runs is refused, and void ends it at what was sent', async () => {
    const release = signal();
    flow = async function* () {
      reportUnits(2);
      yield 'first';
      await release.fired;
      reportUnits(2);
      yield 'second';
    };
    const channel = await open();
    const request = text('voided');
    const call = service.call(FLOW, request, 1_000n, randomBytes(32));
    const stream = streamPaid(service.client, `/${FLOW}`, request, channel.pay(call));
    const messages = stream[Symbol.asyncIterator]();
    await messages.next();
    const twin = await collect(streamPaid(service.client, `/${FLOW}`, request, channel.pay(call)));
    expect(twin).toMatchObject({ error: { reason: 'CALL_IN_FLIGHT' }, outcome: undefined });
    const { receipt } = await questions(service.client, channel).void(call.callId);
    expect(receipt).toMatchObject({ amount: '2', outcome: 2 });
    release.fire();
    await expect(messages.next()).rejects.toMatchObject({ reason: 'STREAM_BROKEN' });
    expect(readTrailers((await stream.status).trailers).receipt?.amount).toBe(2n);
    expect(await service.ledger.channel(channel.id)).toMatchObject({ spent: 2n });
  });
});
