import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { messageDigest } from '#payments/digests.js';
import { recover } from '#payments/signature.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import {
  COUNT,
  type PaidService,
  PEEK,
  publishEcho,
  SAY,
  startPaidService,
  text,
  textOf,
} from '#test/support/paid-service.js';
import { callPaid, openChannel, type PayingChannel } from '#test/support/paying.js';

describe('paywall, unary', () => {
  let chain: Chain;
  let service: PaidService;
  let channel: PayingChannel;

  beforeAll(async () => {
    chain = await startChain();
    const echo = await publishEcho(chain);
    service = await startPaidService({ chain, databaseUrl: await createDatabase(), ...echo });
    await chain.fund(chain.account(2), 1_000_000n);
    channel = await openChannel(chain, chain.account(2), echo.asset, 100_000n);
  });

  afterAll(async () => {
    await service?.stop();
    await chain?.stop();
  });

  test('serves a call that is paid for and proves it', async () => {
    const request = text('hello');
    const call = service.call(SAY, request, 100n);
    const reply = await callPaid(service.client, `/${SAY}`, request, channel.pay(call));
    expect(reply.error).toBeUndefined();
    expect(textOf(reply.bytes)).toBe('hello');
    expect(reply.outcome).toBe('charged');
    expect(reply.receipt).toMatchObject({ amount: 100n, units: 1n, outcome: 'complete', asset: service.listing.asset });
    expect(messageDigest(reply.bytes!).equals(reply.receipt!.responseDigest)).toBe(true);
    const signer = recover(channel.hashOfReceipt(reply.receipt!), reply.receipt!.signature);
    expect(signer?.equals(service.operator.address)).toBe(true);
    expect(await service.ledger.channel(channel.id)).toMatchObject({ spent: 100n, authorised: 100n, calls: 1n });
  });

  test('answers a repeated call from its ledger, byte for byte, and charges it once', async () => {
    const request = text('again');
    const call = service.call(SAY, request, 100n);
    const before = (await service.ledger.channel(channel.id))!.spent;
    const first = await callPaid(service.client, `/${SAY}`, request, channel.pay(call));
    const second = await callPaid(service.client, `/${SAY}`, request, channel.pay(call));
    expect(second.bytes?.equals(first.bytes!)).toBe(true);
    expect(second.receipt).toEqual(first.receipt);
    expect(service.calls.filter((each) => each === 'again')).toHaveLength(1);
    expect((await service.ledger.channel(channel.id))!.spent - before).toBe(100n);
  });

  test('charges a metered call for what was reported', async () => {
    const request = text('x'.repeat(21));
    const call = service.call(COUNT, request, 60n);
    const reply = await callPaid(service.client, `/${COUNT}`, request, channel.pay(call));
    expect(reply.error).toBeUndefined();
    expect(reply.receipt).toMatchObject({ units: 21n, amount: 7n });
  });

  test('lets free calls pass unpaid and stores nothing of them', async () => {
    const before = await service.pool.query('select count(*) from provider.call');
    const reply = await callPaid(service.client, `/${PEEK}`, text('free'), undefined);
    expect(textOf(reply.bytes)).toBe('free');
    expect(reply.outcome).toBeUndefined();
    expect((await service.pool.query('select count(*) from provider.call')).rows).toEqual(before.rows);
  });

  test('I8 ends a call whose answer is no message in an error, charges nothing for it, and serves the next', async () => {
    const { say, peek } = service.handlers;
    service.handlers.say = () => undefined as never;
    service.handlers.peek = () => undefined as never;
    const before = (await service.ledger.channel(channel.id))!.spent;
    const request = text('halfway');
    const call = service.call(SAY, request, 100n);
    const paid = () => callPaid(service.client, `/${SAY}`, request, channel.pay(call));
    const free = () => callPaid(service.client, `/${PEEK}`, request, undefined);
    expect(await paid()).toMatchObject({ error: { reason: 'INTERNAL' }, outcome: 'not-charged', bytes: undefined });
    expect(await free()).toMatchObject({ error: { reason: 'INTERNAL' }, bytes: undefined });
    expect((await service.ledger.channel(channel.id))!.spent).toBe(before);
    expect(service.errors.splice(0)).toMatchObject([{ cause: expect.any(Error) }, { cause: expect.any(Error) }]);
    Object.assign(service.handlers, { say, peek });
    expect(textOf((await paid()).bytes)).toBe('halfway');
    expect(textOf((await free()).bytes)).toBe('halfway');
  });

  test('I7 asks once whether a payer has more calls than are remembered, and then about each call', async () => {
    const { ledger } = service;
    const callIds = ledger.callIds.bind(ledger);
    let questions = 0;
    ledger.callIds = (payer) => {
      questions += 1;
      return callIds(payer, -1); // any are too many
    };
    const payer = chain.account(3);
    await chain.fund(payer, 100_000n);
    const large = await openChannel(chain, payer, service.listing.asset, 100_000n);
    const request = text('one of many');
    const pay = (call = service.call(SAY, request, 100n)) =>
      callPaid(service.client, `/${SAY}`, request, large.pay(call));
    const first = service.call(SAY, request, 100n);
    const { bytes } = await pay(first);
    for (let i = 0; i < 3; i++) expect((await pay()).outcome).toBe('charged');
    expect((await pay(first)).bytes).toEqual(bytes);
    expect(questions).toBe(1);
    expect(await ledger.channel(large.id)).toMatchObject({ spent: 400n, calls: 4n });
    delete (ledger as Partial<typeof ledger>).callIds;
  });

  test('I9 refuses a call id that comes back with another request', async () => {
    const callId = randomBytes(32);
    const first = text('one');
    await callPaid(service.client, `/${SAY}`, first, channel.pay(service.call(SAY, first, 100n, callId)));
    const other = text('two');
    const reply = await callPaid(service.client, `/${SAY}`, other, channel.pay(service.call(SAY, other, 100n, callId)));
    expect(reply.error?.reason).toBe('CALL_ID_REUSED');
    expect(reply.outcome).toBeUndefined();
  });
});
