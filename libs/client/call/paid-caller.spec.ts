import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { WeftError } from '#core/errors.js';
import type { LocalWallet } from '#payments/payer/local-wallet.js';
import type { PinRequest } from '#payments/payer/wallet.js';
import { ChannelPool } from '#payments/rpc/channel-pool.js';
import { connect } from '#payments/rpc/connect.js';
import type { RawReply } from '#payments/rpc/raw-call.js';
import { Receipt } from '#protos/weft/payment/v1/payment.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { startWallet } from '#test/support/local-wallet.js';
import { onEnd } from '#test/support/on-end.js';
import {
  COUNT,
  FLOW,
  type PaidService,
  PEEK,
  publishEcho,
  SAY,
  startPaidService,
  text,
  textOf,
} from '#test/support/paid-service.js';
import { domainOf } from '#test/support/paying.js';
import { startRelay } from '#test/support/relay.js';
import { ReceiptChecker } from './check-receipt.js';
import { type PaidCall, PaidCaller } from './paid-caller.js';

describe('paid caller', () => {
  let chain: Chain;
  let service: PaidService;
  let wallet: LocalWallet;
  let caller: PaidCaller;
  let pins: PinRequest[];
  const quoteId = randomBytes(32);

  beforeAll(async () => {
    chain = await startChain();
    const echo = await publishEcho(chain);
    service = await startPaidService({ chain, databaseUrl: await createDatabase(), ...echo });
    wallet = await startWallet(chain);
    pins = pinsOf(service);
    await wallet.openQuote({ quoteId, pins, maxTotal: 50_000n, expiresAtSec: (await chain.nowSec()) + 3_600 });
    caller = callerOf(wallet);
  });

  afterEach(() => {
    service.handlers.say = (said) => said;
  });

  afterAll(async () => {
    await caller?.close();
    await wallet?.close();
    await service?.stop();
    await chain?.stop();
  });

  const callerOf = (payer: LocalWallet) =>
    new PaidCaller({
      wallet: payer,
      channels: new ChannelPool((endpoint) => connect(endpoint)),
      receipts: new ReceiptChecker(domainOf(chain)),
      domain: domainOf(chain),
    });

  const paid = (method: string, said: string, more: Partial<PaidCall> = {}): PaidCall => ({
    quoteId,
    pin: pins.find((pin) => pin.method === method) as PinRequest,
    callId: randomBytes(32),
    request: text(said),
    ...more,
  });

  /** What wallet, provider and chain say was spent on the one channel. */
  const spent = async () => {
    await caller.flush();
    const [channel] = await wallet.channels();
    const ledger = await service.ledger.channel(channel!.channelId);
    return { wallet: channel!.settled, provider: ledger?.spent ?? 0n, reserved: channel!.reserved };
  };

  it('pays, gets the response as it was sent and a receipt that holds', async () => {
    const before = await spent();
    const reply = await caller.call(paid(SAY, 'hello'));
    expect(textOf(reply.bytes)).toBe('hello');
    expect(reply).toMatchObject({ attempts: 1, receipt: { amount: 100n, outcome: 'complete' } });
    expect(service.operator.address.equals(reply.signer!)).toBe(true);
    const after = await spent();
    expect(after.wallet - before.wallet).toBe(100n);
    expect(after).toEqual({ wallet: after.provider, provider: after.provider, reserved: 0n });
  });

  it('pays what a metered call reports, not its maximum', async () => {
    const { receipt } = await caller.call(paid(COUNT, 'x'.repeat(21)));
    expect(receipt).toMatchObject({ units: 21n, amount: 7n });
  });

  it('makes free calls without the wallet', async () => {
    const reply = await caller.call(paid(PEEK, 'free'));
    expect(textOf(reply.bytes)).toBe('free');
    expect(reply.receipt).toBeUndefined();
  });

  it('T31 I7 charges a call id once, whoever repeats it', async () => {
    const call = paid(SAY, 'once');
    const before = await spent();
    const first = await caller.call(call);
    const second = await callerOf(wallet).call(call);
    expect(second.bytes).toEqual(first.bytes);
    expect(second.receipt).toEqual(first.receipt);
    expect(service.calls.filter((said) => said === 'once')).toHaveLength(1);
    expect((await spent()).provider - before.provider).toBe(100n);
  });

  it('T31 I7 charges a call once that is sent twice at the same instant', async () => {
    const call = paid(SAY, 'twins');
    const before = await spent();
    const [one, other] = await Promise.all([caller.call(call), caller.call(call)]);
    expect(one.receipt).toEqual(other.receipt);
    expect((await spent()).provider - before.provider).toBe(100n);
  });

  it('charges 64 calls at once to the last unit', async () => {
    const before = await spent();
    await Promise.all(Array.from({ length: 64 }, (_, i) => caller.call(paid(SAY, `many ${i}`))));
    const after = await spent();
    expect(after.wallet - before.wallet).toBe(6_400n);
    expect(after.provider).toBe(after.wallet);
    expect(after.reserved).toBe(0n);
  });

  it('I8 gives a failed call back: nothing is charged and the same id can be tried again', async () => {
    const before = await spent();
    const call = paid(SAY, 'fails');
    service.handlers.say = () => {
      throw new WeftError('BAD_IMAGE', 'no picture');
    };
    await expect(caller.call(call)).rejects.toMatchObject({ reason: 'BAD_IMAGE', retryable: false });
    expect(await spent()).toEqual(before);
    expect(await wallet.call(call.callId)).toMatchObject({ state: 'RELEASED' });
    service.handlers.say = (said) => said;
    expect(textOf((await caller.call(call)).bytes)).toBe('fails');
    expect((await spent()).provider - before.provider).toBe(100n);
  });

  it('I9 refuses to send another request under the same id', async () => {
    const call = paid(SAY, 'first');
    await caller.call(call);
    await expect(caller.call({ ...call, request: text('second') })).rejects.toMatchObject({ reason: 'CALL_ID_REUSED' });
  });

  it('tries a passing failure again as often as it may, with the same id', async () => {
    let failures = 2;
    service.handlers.say = (said) => {
      if (failures-- > 0) throw new WeftError('SERVICE_UNAVAILABLE', 'in a moment');
      return said;
    };
    const before = await spent();
    const { attempts } = await caller.call(paid(SAY, 'patience', { maxAttempts: 3 }));
    expect(attempts).toBe(3);
    expect((await spent()).provider - before.provider).toBe(100n);
  });

  it('leaves a call that ran into its deadline to the sweeper, and the receipt turns up', async () => {
    let release: (said: string) => void = () => {};
    const said = new Promise<string>((resolve) => {
      release = resolve;
    });
    service.handlers.say = () => said;
    const call = paid(SAY, 'late', { deadlineMs: 300 });
    await expect(caller.call(call)).rejects.toMatchObject({ reason: 'DEADLINE', retryable: true });
    await caller.flush();
    expect(await wallet.call(call.callId)).toMatchObject({ state: 'DOUBT' });
    release('late');
    const reply = await caller.call({ ...call, deadlineMs: 5_000 });
    expect(textOf(reply.bytes)).toBe('late');
    const after = await spent();
    expect(after).toEqual({ wallet: after.provider, provider: after.provider, reserved: 0n });
  });

  it('stops when it is told to', async () => {
    service.handlers.say = () => new Promise(() => {});
    const stop = new AbortController();
    const call = caller.call(paid(SAY, 'stopped', { signal: stop.signal, maxAttempts: 5 }));
    setTimeout(() => stop.abort(), 50);
    await expect(call).rejects.toMatchObject({ reason: 'CANCELLED', retryable: false });
  });

  it('goes on under a quote that was closed, if it may open it again', async () => {
    const closed = randomBytes(32);
    const expiresAtSec = (await chain.nowSec()) + 3_600;
    const open = () => wallet.openQuote({ quoteId: closed, pins, maxTotal: 150n, expiresAtSec });
    await open();
    await wallet.closeQuote(closed);
    const call = paid(SAY, 'reset', { quoteId: closed });
    await expect(caller.call(call)).rejects.toMatchObject({ reason: 'QUOTE_CLOSED' });
    expect(textOf((await caller.call({ ...call, reopenQuote: open })).bytes)).toBe('reset');
    // What was spent before the quote was closed keeps counting.
    const over = paid(SAY, 'over', { quoteId: closed, reopenQuote: open });
    await expect(caller.call(over)).rejects.toMatchObject({ reason: 'QUOTE_EXHAUSTED', retryable: false });
  });

  it('I10 never spends more than the quote, under any concurrency', async () => {
    const small = randomBytes(32);
    const expiresAtSec = (await chain.nowSec()) + 3_600;
    await wallet.openQuote({ quoteId: small, pins, maxTotal: 1_000n, expiresAtSec });
    const before = await spent();
    const calls = Array.from({ length: 30 }, (_, i) => caller.call(paid(SAY, `${i}`, { quoteId: small })));
    const ends = await Promise.allSettled(calls);
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    for (const end of ends) if (end.status === 'rejected') expect(end.reason.reason).toBe('QUOTE_EXHAUSTED');
    expect((await spent()).provider - before.provider).toBe(1_000n);
    expect(await wallet.quoteStatus(small)).toMatchObject({ settled: 1_000n, exposure: 1_000n });
  });

  it('streams, and proves the whole', async () => {
    const before = await spent();
    const stream = caller.stream(paid(FLOW, 'one two three'));
    const words: string[] = [];
    let next = await stream.next();
    for (; !next.done; next = await stream.next()) words.push(textOf(next.value));
    expect(words).toEqual(['one', 'two', 'three']);
    expect(next.value).toMatchObject({ receipt: { amount: 11n, units: 11n, outcome: 'complete' } });
    expect((await spent()).provider - before.provider).toBe(11n);
  });

  describe('T35 a dishonest provider', () => {
    /** A call through a relay that changes the answer, with a channel and wallet of its own. */
    const throughRelay = async (change: (answer: RawReply) => void) => {
      const victim = await startWallet(chain, { account: 3 });
      onEnd(() => victim.close());
      const [pin] = pins.filter(({ method }) => method === SAY);
      const id = randomBytes(32);
      const relay = await startRelay(service.app.address, [SAY], async (_call, forward) => {
        const answer = await forward();
        change(answer);
        return answer;
      });
      const lying = { ...(pin as PinRequest), endpoints: [relay] };
      const expiresAtSec = (await chain.nowSec()) + 3_600;
      await victim.openQuote({ quoteId: id, pins: [lying], maxTotal: 1_000n, expiresAtSec });
      const call: PaidCall = { quoteId: id, pin: lying, callId: randomBytes(32), request: text('hello') };
      const dupe = callerOf(victim);
      const refused = await dupe.call(call).catch((error: unknown) => error);
      await dupe.close();
      return { refused, record: await victim.call(call.callId) };
    };
    const alterReceipt = ({ trailers }: RawReply, change: (message: Receipt) => void): void => {
      const message = Receipt.decode(trailers.get('weft-receipt-bin')[0] as Buffer);
      change(message);
      trailers.set('weft-receipt-bin', Buffer.from(Receipt.encode(message).finish()));
    };

    it('that alters the response is paid, as it was earned, and its response refused', async () => {
      const { refused, record } = await throughRelay((answer) => {
        Object.assign(answer, { bytes: Buffer.from(text('lies')) });
      });
      expect(refused).toMatchObject({ reason: 'RECEIPT_INVALID', details: { field: 'receipt.responseDigest' } });
      expect(record).toMatchObject({ state: 'SETTLED', receipt: { amount: 100n } });
    });

    it('that gives no receipt leaves the call in doubt', async () => {
      const { refused, record } = await throughRelay(({ trailers }) => trailers.remove('weft-receipt-bin'));
      expect(refused).toMatchObject({ reason: 'RECEIPT_INVALID', details: { field: 'receipt' } });
      expect(record).toMatchObject({ state: 'DOUBT' });
    });

    it.each<[string, (message: Receipt) => void]>([
      [
        'receipt.amount',
        (message) => {
          message.amount = '101';
        },
      ],
      [
        'receipt.signature',
        (message) => {
          message.amount = '99';
        },
      ],
      [
        'receipt.callId',
        (message) => {
          message.callId = randomBytes(32);
        },
      ],
      [
        'receipt.account',
        (message) => {
          message.account = randomBytes(32);
        },
      ],
      [
        'receipt.commitment',
        (message) => {
          message.commitment = randomBytes(32);
        },
      ],
      [
        'receipt.asset',
        (message) => {
          message.asset += 1n;
        },
      ],
      [
        'receipt.tenure',
        (message) => {
          message.tenure += 1;
        },
      ],
    ])('that forges %s is refused and disputed', async (field, forge) => {
      const { refused, record } = await throughRelay((answer) => alterReceipt(answer, forge));
      expect(refused).toMatchObject({ reason: 'RECEIPT_INVALID', details: { field } });
      expect(record).toMatchObject({ state: 'DISPUTED' });
    });
  });

  it('hands its receipts to a provider that lost its ledger, and is served', async () => {
    const before = await spent();
    const { listing, operator } = service;
    const reborn = await startPaidService({ chain, databaseUrl: await createDatabase(), listing, operator });
    onEnd(() => reborn.stop());
    const again = pinsOf(reborn);
    const id = randomBytes(32);
    await wallet.openQuote({
      quoteId: id,
      pins: again,
      maxTotal: 1_000n,
      expiresAtSec: (await chain.nowSec()) + 3_600,
    });
    const pin = again.find(({ method }) => method === SAY) as PinRequest;
    const { attempts } = await caller.call(paid(SAY, 'who are you', { quoteId: id, pin }));
    expect(attempts).toBe(2);
    await caller.flush();
    const [channel] = await wallet.channels();
    expect(channel!.settled).toBe(before.wallet + 100n);
    expect((await reborn.ledger.channel(channel!.channelId))!.spent).toBe(channel!.settled);
  });
});

function pinsOf({ listing, digest, operator, app }: PaidService): PinRequest[] {
  return listing.prices.map(({ method, maxAmount }) => ({
    step: method.split('/')[1] as string,
    listing: digest,
    method,
    calls: 1_000,
    maxPerCall: maxAmount,
    asset: listing.asset,
    tenure: listing.tenure,
    operator: operator.address,
    endpoints: [app.address],
    minChannel: listing.minChannel,
  }));
}
