import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { publishEcho, SAY, startPaidService, text } from '#test/support/paid-service.js';
import { callPaid, openChannel } from '#test/support/paying.js';
import { questions } from '#test/support/payments-questions.js';
import { seeded } from '#test/support/seeded.js';

/** WEFT_LOCK_CALLS=100000 is a run of some ten minutes. */
const CALLS = Number(process.env['WEFT_LOCK_CALLS'] ?? 1_600);
const AT_ONCE = 32;
const DEPOSIT = 100_000_000n;

/** Handlers that fail or linger, callers who leave, run out of time or take their call back: by a seed. */
test(
  'T28 I12 however calls end, none leaves anything held',
  async () => {
    const seed = Number(process.env['WEFT_SEED'] ?? randomInt(2 ** 31));
    console.log(`ends by seed ${seed}`);
    const random = seeded(seed);
    const oneOf = <T>(...all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
    const chain = await startChain();
    const say = async (words: string) => {
      const [, fate] = words.split(' ');
      if (fate === 'lingers') await delay(random() * 8);
      if (fate === 'fails') throw new Error('as asked');
      return words;
    };
    const service = await startPaidService({
      chain,
      databaseUrl: await createDatabase(),
      ...(await publishEcho(chain)),
      handlers: { say },
    });
    try {
      await chain.fund(chain.account(2), DEPOSIT);
      const channel = await openChannel(chain, chain.account(2), service.listing.asset, DEPOSIT);
      const ask = questions(service.client, channel);
      const ends = new Map<string, number>();
      const one = async (i: number) => {
        const request = text(`${i} ${oneOf('answers', 'lingers', 'fails')}`);
        const call = service.call(SAY, request, 100n);
        const payment = channel.pay(call);
        const leave = new AbortController();
        const way = oneOf('stays', 'leaves', 'has little time', 'takes it back');
        const reply = callPaid(service.client, `/${SAY}`, request, payment, {
          deadlineMs: way === 'has little time' ? 1 + Math.floor(random() * 8) : 20_000,
          signal: leave.signal,
        });
        if (way === 'leaves') void delay(random() * 8).then(() => leave.abort());
        // More of these than a channel may ask are refused, which is an end as well.
        if (way === 'takes it back') await ask.void(call.callId).catch(() => {});
        const { error } = await reply;
        const end = error?.reason ?? 'answered';
        ends.set(end, (ends.get(end) ?? 0) + 1);
      };
      let next = 0;
      const worker = async () => {
        while (next < CALLS) await one(next++);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      console.log(Object.fromEntries(ends));
      for (const end of ['answered', 'CANCELLED', 'DEADLINE', 'CALL_VOID', 'INTERNAL'])
        expect(ends.has(end)).toBe(true);

      // All that is left can be spent by one call: nothing is held for any other.
      const spent = async () => (await service.ledger.channel(channel.id))!.spent;
      const request = text('0 answers');
      const all = async () => {
        const left = DEPOSIT - (await spent());
        return await callPaid(
          service.client,
          `/${SAY}`,
          request,
          channel.pay(service.call(SAY, request, left), DEPOSIT),
        );
      };
      let last = await all();
      // Handlers whose callers have left may still be at work.
      for (let tries = 0; last.error?.reason === 'UNDERPAID' && tries < 50; tries++) {
        await delay(100);
        last = await all();
      }
      expect(last.error).toBeUndefined();
      const { rows } = await service.pool.query<{ sum: string; idle: string }>(
        `select (select sum(amount) from provider.call where channel = $1 and state = 'CHARGED')::text as sum,
                (select count(*) from pg_stat_activity
                 where datname = current_database() and state like 'idle in transaction%')::text as idle`,
        [channel.id],
      );
      expect(rows[0]).toEqual({ sum: String(await spent()), idle: '0' });
    } finally {
      await service.stop();
      await chain.stop();
    }
  },
  Math.max(120_000, CALLS * 20),
);
