import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { send } from '#contracts/chain.js';
import type { WeftError } from '#core/errors.js';
import { fromHex } from '#core/hex.js';
import { connect } from '#payments/rpc/connect.js';
import { channelId } from '#payments/typed-data.js';
import { Payment } from '#protos/weft/payment/v1/payment.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import {
  COUNT,
  MIN_CHANNEL,
  type PaidService,
  publishEcho,
  SAY,
  startPaidService,
  text,
  textOf,
} from '#test/support/paid-service.js';
import {
  callPaid,
  domainOf,
  newKey,
  newTerms,
  openChannel,
  openChannels,
  PayingChannel,
} from '#test/support/paying.js';
import { questions } from '#test/support/payments-questions.js';
import { startSettler } from '#test/support/settling.js';
import { reportUnits } from './units.js';

describe('calls at once', () => {
  let chain: Chain;
  let asset: bigint;
  let databaseUrl: string;
  let service: PaidService;
  /** Another process of the same provider: same ledger, same key. */
  let replica: PaidService;
  const hooks = { say: async (words: string) => words };

  beforeAll(async () => {
    chain = await startChain();
    const echo = await publishEcho(chain);
    asset = echo.asset;
    databaseUrl = await createDatabase();
    const handlers = { say: (words: string) => hooks.say(words) };
    service = await startPaidService({ chain, databaseUrl, ...echo, handlers });
    replica = await startPaidService({ chain, databaseUrl, ...echo });
    await chain.fund(chain.account(2), 100_000_000n);
  });

  afterAll(async () => {
    await service?.stop();
    await replica?.stop();
    await chain?.stop();
  });

  const open = (amount = 100_000n) => openChannel(chain, chain.account(2), asset, amount);
  const sum = async (channel: PayingChannel) =>
    (
      await service.pool.query<{ sum: string; count: string }>(
        "select coalesce(sum(amount), 0) as sum, count(*) from provider.call where channel = $1 and state = 'CHARGED'",
        [channel.id],
      )
    ).rows[0]!;

  test('64 calls at once on one channel are all served and each is charged once', async () => {
    const channel = await open();
    const calls = Array.from({ length: 64 }, (_, i) => {
      const request = text(`call ${i}`);
      return { i, request, payment: channel.pay(service.call(SAY, request, 100n)) };
    });
    const replies = await Promise.all(
      calls.map(({ request, payment }) => callPaid(service.client, `/${SAY}`, request, payment)),
    );
    expect(replies.map((reply) => reply.error)).toEqual(calls.map(() => undefined));
    expect(replies.map((reply) => textOf(reply.bytes))).toEqual(calls.map(({ i }) => `call ${i}`));
    expect(await sum(channel)).toEqual({ sum: '6400', count: '64' });
    expect(await service.ledger.channel(channel.id)).toMatchObject({ spent: 6_400n, authorised: 6_400n, calls: 64n });
  });

  test('I6 T27 concurrent calls on one channel, over four replicas, never spend more than is authorised', async () => {
    const { listing, operator } = service;
    const more = await Promise.all([1, 2].map(() => startPaidService({ chain, databaseUrl, listing, operator })));
    const replicas = [service, replica, ...more];
    const channel = await open(5_000n);
    // Every voucher is over the whole deposit: only the ledger stands between 240 calls and 50 calls' money.
    const calls = Array.from({ length: 240 }, (_, i) => {
      const request = text(`race ${i}`);
      return { i, request, payment: channel.pay(service.call(SAY, request, 100n), 5_000n) };
    });
    const replies = await Promise.all(
      calls.map(({ i, request, payment }) => callPaid(replicas[i % 4]!.client, `/${SAY}`, request, payment)),
    );
    const served = replies.filter((reply) => reply.error === undefined);
    const refused = replies.flatMap((reply) => (reply.error ? [reply] : []));
    expect(served).toHaveLength(50);
    // A replica that believed too much has learnt from its refused commits: nothing more is served for nothing.
    const ran = () => replicas.reduce((sum, { calls }) => sum + calls.length, 0);
    const before = ran();
    const later = await Promise.all(
      Array.from({ length: 40 }, (_, i) => {
        const request = text(`later ${i}`);
        const payment = channel.pay(service.call(SAY, request, 100n), 5_000n);
        return callPaid(replicas[i % 4]!.client, `/${SAY}`, request, payment);
      }),
    );
    expect(later.map(({ error }) => error?.reason)).toEqual(later.map(() => 'UNDERPAID'));
    expect(ran()).toBe(before);
    for (const each of more) await each.stop();
    expect(new Set(refused.map(({ error }) => error?.reason))).toEqual(new Set(['UNDERPAID']));
    expect(new Set(refused.map(({ outcome }) => outcome))).toEqual(new Set(['not-charged']));
    expect(await sum(channel)).toEqual({ sum: '5000', count: '50' });
    expect(await service.ledger.channel(channel.id)).toMatchObject({ spent: 5_000n });
  });

  test('I9 the same call sent twice at once runs once, and both get the same answer', async () => {
    const channel = await open();
    const request = text('twice');
    const payment = channel.pay(service.call(SAY, request, 100n));
    const [one, two] = await Promise.all([
      callPaid(service.client, `/${SAY}`, request, payment),
      callPaid(service.client, `/${SAY}`, request, payment),
    ]);
    expect(one.error).toBeUndefined();
    expect(two.bytes?.equals(one.bytes!)).toBe(true);
    expect(two.receipt).toEqual(one.receipt);
    expect(service.calls.filter((each) => each === 'twice')).toHaveLength(1);
    expect(await sum(channel)).toEqual({ sum: '100', count: '1' });
  });

  test('I7 the same call sent to two processes at once is charged once, and both give the same answer', async () => {
    const channel = await open();
    for (let round = 0; round < 10; round++) {
      const request = text(`replicas ${round}`);
      const payment = channel.pay(service.call(SAY, request, 100n));
      const [one, two] = await Promise.all([
        callPaid(service.client, `/${SAY}`, request, payment),
        callPaid(replica.client, `/${SAY}`, request, payment),
      ]);
      expect(one.error).toBeUndefined();
      expect(two.error).toBeUndefined();
      expect(two.receipt).toEqual(one.receipt);
    }
    expect(await sum(channel)).toEqual({ sum: '1000', count: '10' });
    expect(await service.ledger.channel(channel.id)).toMatchObject({ spent: 1_000n, calls: 10n });
  });

  test('a stranger who repeats a call id on a channel of his own meets nothing that is stored', async () => {
    const channel = await open();
    const callId = randomBytes(32);
    const request = text('mine');
    const mine = await callPaid(
      service.client,
      `/${SAY}`,
      request,
      channel.pay(service.call(SAY, request, 100n, callId)),
    );
    await chain.fund(chain.account(3), 1_000_000n);
    const theirs = await openChannel(chain, chain.account(3), asset, 100_000n);
    const reply = await callPaid(
      service.client,
      `/${SAY}`,
      request,
      theirs.pay(service.call(SAY, request, 100n, callId)),
    );
    expect(reply.error).toBeUndefined();
    expect(reply.receipt?.account).not.toEqual(mine.receipt?.account);
    expect(await sum(theirs)).toEqual({ sum: '100', count: '1' });
  });

  test('a call id is refused on another channel of the same payer', async () => {
    const [one, two] = await openChannels(chain, chain.account(2), asset, 10_000n, 2);
    const request = text('moved');
    const call = service.call(SAY, request, 100n);
    expect((await callPaid(service.client, `/${SAY}`, request, one!.pay(call))).error).toBeUndefined();
    const reply = await callPaid(service.client, `/${SAY}`, request, two!.pay(call));
    expect(reply.error?.reason).toBe('CALL_ID_REUSED');
  });

  test('vouchers count in whatever order they come', async () => {
    const channel = await open();
    const payments = Array.from({ length: 8 }, (_, i) => {
      const request = text(`order ${i}`);
      return { request, payment: channel.pay(service.call(SAY, request, 100n)) };
    });
    for (const { request, payment } of payments.reverse())
      expect((await callPaid(service.client, `/${SAY}`, request, payment)).error).toBeUndefined();
    const kept = await service.ledger.channel(channel.id);
    expect(kept).toMatchObject({ spent: 800n, authorised: 800n });
    // What is kept is the voucher itself: without it nothing could be claimed.
    expect(Payment.decode(kept!.voucher!).cumulative).toBe('800');
  });

  test('I8 a failed call frees what was held for it', async () => {
    const channel = await open(1_000n);
    hooks.say = async () => {
      throw new Error('fails');
    };
    const request = text('fails');
    for (let i = 0; i < 5; i++) {
      const call = service.call(SAY, request, 1_000n);
      expect((await callPaid(service.client, `/${SAY}`, request, channel.pay(call, 1_000n))).outcome).toBe(
        'not-charged',
      );
    }
    hooks.say = async (words) => words;
    const call = service.call(SAY, request, 1_000n);
    expect((await callPaid(service.client, `/${SAY}`, request, channel.pay(call, 1_000n))).error).toBeUndefined();
  });

  describe('callers who go away', () => {
    const started = () => {
      let begun = () => {};
      const begin = new Promise<void>((resolve) => {
        begun = resolve;
      });
      let finish = () => {};
      const end = new Promise<void>((resolve) => {
        finish = resolve;
      });
      hooks.say = async (words) => {
        begun();
        await end;
        return words;
      };
      return { begin, finish };
    };

    test('T31 a call whose caller gave up is charged once, and a repeat gets its answer', async () => {
      const channel = await open();
      const request = text('gave up');
      const call = service.call(SAY, request, 100n);
      const { begin, finish } = started();
      const abort = new AbortController();
      const first = callPaid(service.client, `/${SAY}`, request, channel.pay(call), { signal: abort.signal });
      await begin;
      abort.abort();
      expect((await first).error?.reason).toBe('CANCELLED');
      // The repeat joins what still runs.
      const second = callPaid(service.client, `/${SAY}`, request, channel.pay(call));
      finish();
      expect((await second).error).toBeUndefined();
      const third = await callPaid(service.client, `/${SAY}`, request, channel.pay(call));
      expect(third.receipt).toEqual((await second).receipt);
      expect(await sum(channel)).toEqual({ sum: '100', count: '1' });
      expect(service.calls.filter((each) => each === 'gave up')).toHaveLength(1);
      hooks.say = async (words) => words;
    });

    test('a call that outlives its deadline is charged when it is done, and a repeat gets its answer', async () => {
      const channel = await open();
      const request = text('too slow');
      const call = service.call(SAY, request, 100n);
      const { begin, finish } = started();
      const first = callPaid(service.client, `/${SAY}`, request, channel.pay(call), { deadlineMs: 3_000 });
      await begin;
      expect((await first).error?.reason).toBe('DEADLINE');
      finish();
      const second = await callPaid(service.client, `/${SAY}`, request, channel.pay(call));
      expect(second.outcome).toBe('charged');
      expect(await sum(channel)).toEqual({ sum: '100', count: '1' });
      hooks.say = async (words) => words;
    });

    test('I6 void while a call is being served: it is not charged, and never will be', async () => {
      const channel = await open();
      const request = text('voided');
      const call = service.call(SAY, request, 100n);
      const { begin, finish } = started();
      const first = callPaid(service.client, `/${SAY}`, request, channel.pay(call));
      await begin;
      expect((await questions(service.client, channel).getCall(call.callId)).state).toBe(2);
      expect((await questions(service.client, channel).void(call.callId)).void).toBeDefined();
      finish();
      expect(await first).toMatchObject({ error: { reason: 'CALL_VOID' }, outcome: 'not-charged' });
      expect(await service.ledger.channel(channel.id)).toMatchObject({ spent: 0n });
      hooks.say = async (words) => words;
    });

    test('I12 a call that takes too long ends uncharged and frees its channel', async () => {
      const echo = { listing: service.listing, operator: service.operator };
      const limits = { maxCallSec: 1 };
      const patient = started();
      const slow = await startPaidService({
        chain,
        databaseUrl,
        ...echo,
        limits,
        handlers: { say: (words) => hooks.say(words) },
      });
      try {
        const channel = await open(1_000n);
        const request = text('hangs');
        const call = slow.call(SAY, request, 1_000n);
        const reply = await callPaid(slow.client, `/${SAY}`, request, channel.pay(call, 1_000n));
        expect(reply).toMatchObject({ error: { reason: 'DEADLINE' }, outcome: 'not-charged' });
        hooks.say = async (words) => words;
        patient.finish();
        const next = slow.call(SAY, request, 1_000n);
        expect((await callPaid(slow.client, `/${SAY}`, request, channel.pay(next, 1_000n))).error).toBeUndefined();
        expect(await slow.ledger.channel(channel.id)).toMatchObject({ spent: 100n, calls: 1n });
      } finally {
        await slow.stop();
      }
    });
  });

  /** Another replica, which asks the chain about new channels five at once and then so many a second. */
  const startGuarded = (newChannelsPerSec: number) =>
    startPaidService({
      chain,
      databaseUrl,
      listing: service.listing,
      operator: service.operator,
      limits: { newChannelsPerSec, newChannelBurst: 5 },
    });

  test('T16 a crowd of dust channels slows nobody who pays', async () => {
    const guarded = await startGuarded(1);
    try {
      const channel = await open();
      const request = text('paying');
      const pay = () => callPaid(guarded.client, `/${SAY}`, request, channel.pay(guarded.call(SAY, request, 100n)));
      expect((await pay()).error).toBeUndefined();
      const { rows: before } = await guarded.pool.query('select count(*) from provider.channel');
      const dust = await openChannels(chain, chain.account(2), asset, 1n, 50);
      const replies = await Promise.all(
        dust.map((each) => callPaid(guarded.client, `/${SAY}`, request, each.pay(guarded.call(SAY, request, 100n)))),
      );
      expect(new Set(replies.map(({ error }) => error?.reason))).toEqual(new Set(['CHANNEL_TOO_SMALL', 'OVERLOADED']));
      expect((await guarded.pool.query('select count(*) from provider.channel')).rows).toEqual(before);
      expect((await pay()).error).toBeUndefined();
    } finally {
      await guarded.stop();
    }
  });

  test('T66 a flood of channels that nobody opened keeps no top-up away', async () => {
    const guarded = await startGuarded(0);
    try {
      const channel = await open(1_000n);
      const request = text('more');
      const pay = (from: PayingChannel, most = 100n) =>
        callPaid(guarded.client, `/${SAY}`, request, from.pay(guarded.call(SAY, request, most), 100n + most));
      expect((await pay(channel)).error).toBeUndefined();
      const ghost = () => {
        const key = newKey();
        return new PayingChannel(newTerms(randomBytes(20), key.address, asset), key, channel.domain);
      };
      const replies = await Promise.all(Array.from({ length: 20 }, () => pay(ghost())));
      const reasons = replies.map(({ error }) => error?.reason);
      expect(reasons.filter((reason) => reason === 'OVERLOADED').length).toBeGreaterThan(10);
      expect((await pay(channel, 1_000n)).error?.reason).toBe('CHANNEL_EMPTY');
      await send(chain.account(2), chain.escrow.topUpTo(channel.terms, 2_000n));
      expect((await pay(channel, 1_000n)).error).toBeUndefined();
    } finally {
      await guarded.stop();
    }
  });

  test('T16 ten thousand dust channels in the ledger leave the latency of who pays as it was', async () => {
    const [quiet, crowded] = await Promise.all(
      [chain.account(4), chain.account(5)].map(async (owner) => {
        const echo = await publishEcho(chain, owner);
        const provider = await startPaidService({ chain, databaseUrl: await createDatabase(), ...echo });
        const settling = await startSettler(chain, provider, echo.operatorWallet, { everyMs: 100 });
        return { provider, settling };
      }),
    );
    try {
      await crowd(crowded!.provider, 10_000);
      const sides: { provider: PaidService; channel: PayingChannel }[] = [];
      for (const { provider } of [quiet!, crowded!]) {
        const channel = await openChannel(chain, chain.account(2), provider.listing.asset, 100_000n);
        sides.push({ provider, channel });
      }
      /** How many times longer half of the calls, and 95 of 100, take beside the crowd. */
      const measure = async () => {
        const times = sides.map((side) => ({ ...side, ms: [] as number[] }));
        // In turns, so that whatever else the machine does meets both.
        for (let i = -20; i < 200; i++)
          for (const { provider, channel, ms } of times) {
            const request = text(`call ${i}`);
            const payment = channel.pay(provider.call(SAY, request, 100n));
            const begunMs = performance.now();
            const { error } = await callPaid(provider.client, `/${SAY}`, request, payment);
            if (i >= 0) ms.push(performance.now() - begunMs);
            expect(error).toBeUndefined();
          }
        const [alone, beside] = times.map(({ ms }) => ms.sort((a, b) => a - b));
        return { half: beside![100]! / alone![100]!, most: beside![190]! / alone![190]! };
      };
      // The best of three: even so, other processes may fall upon one more than upon the other.
      let found = await measure();
      for (let more = 2; more > 0 && (found.half >= 1.5 || found.most >= 2); more--) found = await measure();
      expect(found.half).toBeLessThan(1.5);
      expect(found.most).toBeLessThan(2);
    } finally {
      for (const { provider, settling } of [quiet!, crowded!]) {
        await settling.stop();
        await provider.stop();
      }
    }
  }, 120_000);

  /** Channels of the least that a provider takes, as its ledger keeps them. */
  async function crowd({ pool, listing }: PaidService, count: number): Promise<void> {
    const payer = fromHex(chain.account(3).address, 'payer', 20);
    const signer = newKey().address;
    const all = Array.from({ length: count }, () => newTerms(payer, signer, listing.asset));
    const { rowCount } = await pool.query(
      `insert into provider.channel (id, payer, signer, asset, tenure, salt, state, authorised, spent, ceiling,
                                     deposited, claimed, expires_at_sec)
       select decode(id, 'hex'), $3, $4, $5, 1, salt, 'OPEN', 0, 0, $6, $6, 0, $7
         from unnest($1::text[], $2::numeric[]) as crowd (id, salt)`,
      [
        all.map((terms) => channelId(terms, domainOf(chain)).toString('hex')),
        all.map(({ salt }) => String(salt)),
        payer,
        signer,
        String(listing.asset),
        String(MIN_CHANNEL),
        (await chain.nowSec()) + 86_400,
      ],
    );
    expect(rowCount).toBe(count);
  }

  test('T21 a provider that waits for blocks credits neither a channel nor a top-up before they are deep enough', async () => {
    const own = await startChain();
    const echo = await publishEcho(own);
    const provider = await startPaidService({
      chain: own,
      databaseUrl: await createDatabase(),
      ...echo,
      confirmations: 3,
    });
    try {
      await own.fund(own.account(2), 1_000_000n);
      const channel = await openChannel(own, own.account(2), echo.asset, 1_000n);
      const request = text('deep');
      const call = provider.call(SAY, request, 1_000n);
      const next = provider.call(SAY, request, 2_000n);
      const reasonOf = async (wanted: typeof call) =>
        (await callPaid(provider.client, `/${SAY}`, request, channel.pay(wanted, 5_000n))).error?.reason;
      const mine = (blocks: number) => own.provider.send('anvil_mine', [`0x${blocks.toString(16)}`]);
      const untilServed = async (wanted: typeof call, refusal: string) => {
        await mine(2);
        expect(await reasonOf(wanted)).toBe(refusal);
        await mine(1);
        for (let reason = await reasonOf(wanted); reason !== undefined; reason = await reasonOf(wanted))
          expect(reason).toBe(refusal); // it does not ask about the same channel again at once
      };
      await untilServed(call, 'CHANNEL_UNKNOWN');
      await send(own.account(2), own.escrow.topUpTo(channel.terms, 5_000n));
      await untilServed(next, 'CHANNEL_EMPTY');
    } finally {
      await provider.stop();
      await own.stop();
    }
  });

  test('T21 money whose deposit is reorganised away buys nothing more', async () => {
    const own = await startChain();
    const echo = await publishEcho(own);
    const limits = { standingMs: 30 };
    const provider = await startPaidService({ chain: own, databaseUrl: await createDatabase(), ...echo, limits });
    try {
      await own.fund(own.account(2), 1_000_000n);
      const channel = await openChannel(own, own.account(2), echo.asset, 100_000n);
      const request = text('before');
      const pay = () => callPaid(provider.client, `/${SAY}`, request, channel.pay(provider.call(SAY, request, 100n)));
      expect((await pay()).error).toBeUndefined();
      await own.provider.send('anvil_reorg', [1, []]);
      expect((await own.escrow.channel(channel.id)).status).toBe('none');
      let error: WeftError | undefined;
      while (error === undefined) error = (await pay()).error;
      expect(['CHANNEL_TOO_SMALL', 'CHANNEL_EXPIRING', 'CHANNEL_EMPTY']).toContain(error.reason);
    } finally {
      await provider.stop();
      await own.stop();
    }
  });

  test('T36 metered calls at once cost what they report, never more than was held', async () => {
    const channel = await open(3_000n);
    const client = connect(service.app.address);
    const sizes = Array.from({ length: 50 }, () => randomBytes(1)[0]! % 250);
    const replies = await Promise.all(
      sizes.map((size) => {
        const request = text('x'.repeat(size));
        return callPaid(client, `/${COUNT}`, request, channel.pay(service.call(COUNT, request, 60n)));
      }),
    );
    client.close();
    const costs = sizes.map((size) => BigInt(Math.min(60, Math.ceil((size * 3) / 10))));
    expect(replies.map(({ receipt }) => receipt?.amount)).toEqual(costs);
    const total = costs.reduce((a, b) => a + b, 0n);
    expect(await service.ledger.channel(channel.id)).toMatchObject({ spent: total });
  });

  test('reporting outside a paid call does nothing, and refuses nonsense', () => {
    reportUnits(5);
    expect(() => reportUnits(0.5)).toThrow('whole numbers');
    expect(() => reportUnits(-1)).toThrow('negative');
  });
});
