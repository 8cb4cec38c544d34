import { randomBytes } from 'node:crypto';
import { Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Wallet } from 'ethers';
import { send } from '#contracts/chain.js';
import { WeftError } from '#core/errors.js';
import { callRaw } from '#payments/rpc/raw-call.js';
import { type Call, hashListing } from '#payments/typed-data.js';
import type { Payment } from '#payments/wire.js';
import { Status } from '#protos/google/rpc/status.js';
import { PaymentRequired } from '#protos/weft/payment/v1/payment.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import {
  COUNT,
  MIN_CHANNEL,
  type PaidService,
  publishEcho,
  publishVersion,
  SAY,
  startPaidService,
  text,
} from '#test/support/paid-service.js';
import {
  callPaid,
  metadataOf,
  newKey,
  newTerms,
  openChannel,
  PayingChannel,
  readTrailers,
} from '#test/support/paying.js';
import { questions } from '#test/support/payments-questions.js';

describe('refusals', () => {
  let chain: Chain;
  let service: PaidService;
  let channel: PayingChannel;
  let asset: bigint;
  let operatorWallet: Wallet;
  const request = text('hello');
  const failing = { say: (words: string) => words };

  beforeAll(async () => {
    chain = await startChain();
    const echo = await publishEcho(chain);
    ({ asset, operatorWallet } = echo);
    service = await startPaidService({
      chain,
      databaseUrl: await createDatabase(),
      ...echo,
      handlers: {
        say: (words) => failing.say(words),
        count: (words) => words, // reports nothing
      },
    });
    await chain.fund(chain.account(2), 10_000_000n);
    channel = await open();
    const call = service.call(SAY, request, 100n);
    expect((await callPaid(service.client, `/${SAY}`, request, channel.pay(call))).error).toBeUndefined();
  });

  afterAll(async () => {
    await service?.stop();
    await chain?.stop();
  });

  const open = (amount = 100_000n, lifeSec?: number) => openChannel(chain, chain.account(2), asset, amount, lifeSec);
  const say = (change: Partial<Call> = {}): Call => ({ ...service.call(SAY, request, 100n), ...change });

  const state = async () => {
    const { rows } = await service.pool.query(
      `select (select count(*) from provider.call)::int as calls, (select count(*) from provider.channel)::int as channels,
              (select sum(spent) from provider.channel)::text as spent`,
    );
    return { ...rows[0], served: service.calls.length };
  };

  /** A payment of a key that nobody knows. */
  const stranger = () => {
    const key = newKey();
    return new PayingChannel(newTerms(randomBytes(20), key.address, asset), key, channel.domain);
  };

  const crafted: [string, string, () => Payment][] = [
    ['a listing that is not served', 'LISTING_UNKNOWN', () => channel.pay(say({ listing: randomBytes(32) }))],
    ['a voucher for another method', 'REQUEST_MISMATCH', () => channel.pay(say({ method: COUNT }))],
    [
      'a method that is not on offer',
      'REQUEST_MISMATCH',
      () => channel.pay(say({ method: 'test.echo.v1.EchoService/No' })),
    ],
    ['a maximum below the price', 'MAX_AMOUNT_TOO_LOW', () => channel.pay(say({ maxAmount: 99n }))],
    ['a call id of 31 bytes', 'PAYMENT_MALFORMED', () => tooShort()],
    ['a voucher for another request', 'REQUEST_MISMATCH', () => channel.pay(say({ requestDigest: randomBytes(32) }))],
    [
      'another asset',
      'WRONG_TERMS',
      () => new PayingChannel({ ...channel.terms, asset: asset + 1n }, channel.key, channel.domain).pay(say()),
    ],
    [
      'another tenure',
      'WRONG_TERMS',
      () => new PayingChannel({ ...channel.terms, tenure: 2 }, channel.key, channel.domain).pay(say()),
    ],
    [
      'T4 a signature by another key',
      'BAD_SIGNATURE',
      () => new PayingChannel(channel.terms, newKey(), channel.domain).pay(say()),
    ],
    [
      'T2 a voucher for another chain',
      'BAD_SIGNATURE',
      () => new PayingChannel(channel.terms, channel.key, { ...channel.domain, chainId: 1n }).pay(say()),
    ],
    [
      'T37 a voucher for another escrow',
      'BAD_SIGNATURE',
      () =>
        new PayingChannel(channel.terms, channel.key, { ...channel.domain, verifyingContract: randomBytes(20) }).pay(
          say(),
        ),
    ],
    [
      'T1 a voucher of another channel',
      'BAD_SIGNATURE',
      () => ({ ...channel.pay(say()), terms: { ...channel.terms, salt: channel.terms.salt ^ 1n } }),
    ],
    ['T3 a high s', 'BAD_SIGNATURE', () => withSignature((s) => s.fill(0x7f, 32))],
    ['T3 a zero signature', 'BAD_SIGNATURE', () => withSignature((s) => s.fill(0))],
    ['T3 a flipped bit', 'BAD_SIGNATURE', () => withSignature((s) => s.fill(s[5]! ^ 1, 5, 6))],
    [
      'a signer of zero',
      'BAD_SIGNATURE',
      () => ({ ...channel.pay(say()), terms: { ...channel.terms, signer: new Uint8Array(20) } }),
    ],
    ['a voucher over another amount', 'BAD_SIGNATURE', () => ({ ...channel.pay(say()), cumulative: 99_999n })],
    ['a channel that the chain does not know', 'CHANNEL_UNKNOWN', () => stranger().pay(say())],
  ];

  function tooShort(): Payment {
    const payment = channel.pay(say());
    return { ...payment, call: { ...payment.call, callId: randomBytes(31) } };
  }

  function withSignature(change: (signature: Buffer) => void): Payment {
    const payment = channel.pay(say());
    const signature = Buffer.from(payment.signature);
    change(signature);
    return { ...payment, signature };
  }

  test.each(crafted)('a crafted request costs nobody anything: %s', async (_name, reason, payment) => {
    const before = await state();
    const reply = await callPaid(service.client, `/${SAY}`, request, payment());
    expect(reply.error?.reason).toBe(reason);
    expect(reply.outcome).toBe('not-charged');
    expect(await state()).toEqual(before);
    // Nothing is held either: all that the channel has can still be spent by one call.
    const spent = (await service.ledger.channel(channel.id))?.spent ?? 0n;
    const all = say({ maxAmount: 100_000n - spent });
    const honest = await callPaid(service.client, `/${SAY}`, request, channel.pay(all, 100_000n));
    expect(honest.error).toBeUndefined();
  });

  test('says what to pay, to whom, on which chain', async () => {
    const before = await state();
    const reply = await callPaid(service.client, `/${SAY}`, request, undefined);
    expect(reply.error?.reason).toBe('PAYMENT_REQUIRED');
    const status = Status.decode(reply.trailers.get('grpc-status-details-bin')[0] as Buffer);
    const detail = status.details.find(({ typeUrl }) => typeUrl.endsWith('/weft.payment.v1.PaymentRequired'))!;
    expect(PaymentRequired.toJSON(PaymentRequired.decode(detail.value))).toEqual(
      PaymentRequired.toJSON({
        chainId: chain.deployment.chainId,
        escrow: channel.domain.verifyingContract,
        token: Buffer.from(chain.deployment.token.slice(2), 'hex'),
        asset,
        tenure: 1,
        operator: service.operator.address,
        listing: service.digest,
        method: SAY,
        maxAmount: '100',
        minChannel: String(MIN_CHANNEL),
      }),
    );
    expect(await state()).toEqual(before);
  });

  test.each([
    ['random bytes', [randomBytes(80)]],
    ['an empty payment', [Buffer.alloc(0)]],
    ['two payments', [Buffer.from([1]), Buffer.from([2])]],
    ['a payment of 3 kB', [Buffer.alloc(3_000)]],
  ])('T64 refuses %s as malformed', async (_name, values) => {
    const metadata = new Metadata();
    for (const value of values) metadata.add('weft-payment-bin', value);
    const reply = await callRaw(service.client, `/${SAY}`, request, { metadata });
    expect(reply.error?.reason).toBe('PAYMENT_MALFORMED');
  });

  test('names a method that is not there', async () => {
    const reply = await callRaw(service.client, '/test.echo.v1.EchoService/No', request);
    expect(reply.error?.reason).toBe('UNKNOWN_METHOD');
  });

  test('T16 a channel below the minimum is refused and leaves no row', async () => {
    const dust = await open(MIN_CHANNEL - 1n);
    const before = await state();
    for (let i = 0; i < 3; i++) {
      const reply = await callPaid(service.client, `/${SAY}`, request, dust.pay(say()));
      expect(reply.error?.reason).toBe('CHANNEL_TOO_SMALL');
    }
    expect(await state()).toEqual(before);
  });

  test('a channel that was closed is refused', async () => {
    const closed = await open();
    await send(operatorWallet, chain.escrow.giveUp(closed.terms));
    const reply = await callPaid(service.client, `/${SAY}`, request, closed.pay(say()));
    expect(reply.error?.reason).toBe('CHANNEL_CLOSED');
  });

  test('a voucher that leaves the call unpaid is refused', async () => {
    const short = await open();
    const reply = await callPaid(service.client, `/${SAY}`, request, short.pay(say(), 99n));
    expect(reply.error).toMatchObject({ reason: 'UNDERPAID', details: { needed: '100', authorised: '99' } });
  });

  test('T10 a voucher above the deposit is refused, until the channel is topped up', async () => {
    const small = await open(1_050n);
    const most = say({ maxAmount: 1_000n });
    expect((await callPaid(service.client, `/${SAY}`, request, small.pay(most))).error).toBeUndefined();
    const next = say({ maxAmount: 1_000n });
    const refused = await callPaid(service.client, `/${SAY}`, request, small.pay(next, 5_000n));
    expect(refused.error).toMatchObject({ reason: 'CHANNEL_EMPTY', details: { deposited: '1050', spent: '100' } });
    await send(chain.account(2), chain.escrow.topUpTo(small.terms, 5_000n));
    expect((await callPaid(service.client, `/${SAY}`, request, small.pay(next, 5_000n))).error).toBeUndefined();
  });

  test('T7 a channel near its expiry is refused, a second earlier it is not, and extending helps', async () => {
    const margin = 300 + 600;
    const near = await open(100_000n, margin + 60);
    const { expiresAtSec } = await chain.escrow.channel(near.id);
    const at = async (nowSec: number) => {
      await chain.provider.send('evm_setNextBlockTimestamp', [nowSec]);
      await chain.provider.send('evm_mine', []);
      await service.view.newestBlock();
      return (await callPaid(service.client, `/${SAY}`, request, near.pay(say()))).error?.reason;
    };
    expect(await at(expiresAtSec - margin)).toBeUndefined();
    expect(await at(expiresAtSec - margin + 1)).toBe('CHANNEL_EXPIRING');
    await send(chain.account(2), chain.escrow.extend(near.terms, expiresAtSec + 3_600));
    expect((await callPaid(service.client, `/${SAY}`, request, near.pay(say()))).error).toBeUndefined();
  });

  test('a failing method is not charged and keeps its own status', async () => {
    const before = (await service.ledger.channel(channel.id))?.spent ?? 0n;
    failing.say = () => {
      throw new WeftError('BAD_IMAGE', 'not an image');
    };
    const call = say();
    const reply = await callPaid(service.client, `/${SAY}`, request, channel.pay(call));
    failing.say = (words) => words;
    expect(reply).toMatchObject({ error: { reason: 'BAD_IMAGE' }, outcome: 'not-charged', receipt: undefined });
    expect((await service.ledger.channel(channel.id))?.spent ?? 0n).toBe(before);
    const again = await callPaid(service.client, `/${SAY}`, request, channel.pay(call));
    expect(again.error).toBeUndefined();
  });

  test('a request that is no message is refused and not charged', async () => {
    const rubbish = Buffer.from([0x0a, 0xff]);
    const call = service.call(SAY, rubbish, 100n);
    const reply = await callPaid(service.client, `/${SAY}`, rubbish, channel.pay(call));
    expect(reply).toMatchObject({ error: { reason: 'INVALID_INPUT' }, outcome: 'not-charged' });
  });

  test('T36 a metered method that reports nothing fails and is not charged', async () => {
    const call = service.call(COUNT, request, 60n);
    const reply = await callPaid(service.client, `/${COUNT}`, request, channel.pay(call));
    expect(reply).toMatchObject({ error: { reason: 'INTERNAL' }, outcome: 'not-charged' });
  });

  test('a response that the server could not send is not charged', async () => {
    const small = await startPaidService({
      chain,
      databaseUrl: await createDatabase(),
      listing: service.listing,
      operator: service.operator,
      maxMessageBytes: 5_000,
      handlers: { say: () => 'x'.repeat(6_000) },
    });
    try {
      const paying = await open();
      const reply = await callPaid(small.client, `/${SAY}`, request, paying.pay(say()));
      expect(reply).toMatchObject({ error: { reason: 'SERVICE_FAILED' }, outcome: 'not-charged' });
    } finally {
      await small.stop();
    }
  });

  test('a void call id is refused for ever', async () => {
    const call = say();
    const { void: answer } = await questions(service.client, channel).void(call.callId);
    expect(answer?.callId).toEqual(call.callId);
    const reply = await callPaid(service.client, `/${SAY}`, request, channel.pay(call));
    expect(reply).toMatchObject({ error: { reason: 'CALL_VOID' }, outcome: 'not-charged' });
  });

  test('a response past its time is refused with its receipt', async () => {
    const call = say();
    const first = await callPaid(service.client, `/${SAY}`, request, channel.pay(call));
    await service.pool.query('update provider.call set response = null where call_id = $1', [call.callId]);
    const reply = await callPaid(service.client, `/${SAY}`, request, channel.pay(call));
    expect(reply).toMatchObject({ error: { reason: 'RESPONSE_EXPIRED' }, outcome: 'charged' });
    expect(reply.receipt).toEqual(first.receipt);
  });

  test('the reasons travel in the status details, with nothing of the inside', async () => {
    const metadata = metadataOf(withSignature((s) => s.fill(0)));
    const reply = await callRaw(service.client, `/${SAY}`, request, { metadata });
    expect(readTrailers(reply.trailers).outcome).toBe('not-charged');
    expect(reply.error?.details).toEqual({ field: 'signature' });
  });

  describe('listings', () => {
    test('a superseded listing is served for as long as it promised, then refused', async () => {
      const { operator, asset: own, listing: old } = await publishEcho(chain, undefined, { honourSec: 3_600 });
      const listing = await publishVersion(chain, own, { version: 2, previous: hashListing(old) });
      const start = (honourSec: number) =>
        createDatabase().then((databaseUrl) =>
          startPaidService({ chain, databaseUrl, listing, operator, superseded: [{ ...old, honourSec }] }),
        );
      const newer = await start(3_600);
      const paying = await openChannel(chain, chain.account(2), own, 100_000n);
      try {
        const call = { ...newer.call(SAY, request, 100n), listing: hashListing(old) };
        expect((await callPaid(newer.client, `/${SAY}`, request, paying.pay(call))).error).toBeUndefined();
        const present = newer.call(SAY, request, 100n);
        expect((await callPaid(newer.client, `/${SAY}`, request, paying.pay(present))).error).toBeUndefined();
      } finally {
        await newer.stop();
      }
    });

    test('a listing past its promise, one taken out of force, one of another operator or owner are refused', async () => {
      const owner = chain.account(1);
      const { operator, asset: own, listing: old } = await publishEcho(chain, owner, { honourSec: 0 });
      const limits = { standingMs: 20 };
      const provider = await startPaidService({
        chain,
        databaseUrl: await createDatabase(),
        listing: old,
        operator,
        limits,
      });
      const paying = await openChannel(chain, chain.account(2), own, 100_000n);
      const expectReason = async (wanted: string | undefined) => {
        for (;;) {
          const call = provider.call(SAY, request, 100n);
          const reply = await callPaid(provider.client, `/${SAY}`, request, paying.pay(call));
          if (reply.error?.reason === wanted) return;
          if (reply.error !== undefined) expect(reply.error.reason).toBe(wanted);
        }
      };
      try {
        await expectReason(undefined);
        await publishVersion(chain, own, { version: 2, previous: hashListing(old) }, owner);
        await expectReason('LISTING_SUPERSEDED');
        await send(owner, chain.assets.delist(own));
        await expectReason('LISTING_NOT_IN_FORCE');
        await send(owner, chain.assets.publish(own, hashListing(old), 3));
        await expectReason(undefined);
        await send(owner, chain.assets.setOperator(own, newKey().address));
        await expectReason('LISTING_NOT_IN_FORCE');
        await send(owner, chain.assets.transfer(own, owner.address, chain.account(3).address));
        await expectReason('LISTING_NOT_IN_FORCE');
      } finally {
        await provider.stop();
      }
    });
  });
});
