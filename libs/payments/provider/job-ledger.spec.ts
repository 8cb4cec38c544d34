import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { toHex } from '#core/hex.js';
import { openProviderLedger } from '#test/support/provider-ledger.js';
import { messageDigest } from '../digests.js';
import { JOBS_AT_ONCE, type JobState } from './job-ledger.js';
import type { ProviderLedger } from './provider-ledger.js';
import { sweepLedger } from './retention.js';

const DAY = 86_400;
const NOW = 2_000_000_000;

describe('jobs in the provider’s ledger', () => {
  let pool: pg.Pool;
  let ledger: ProviderLedger;
  const payer = randomBytes(20);

  beforeAll(async () => {
    ({ pool, ledger } = await openProviderLedger());
  });
  afterAll(() => pool?.end());

  /** An answered step, which is then in `state`. */
  async function served(state: JobState, atSec: number, jobId = randomBytes(32), step = 0, tenure = 1) {
    const [callId, response] = [randomBytes(32), randomBytes(8)];
    const charge = { jobId, step, payer, callId, response, responseDigest: messageDigest(response), atSec };
    const terms = { asset: 1n, tenure, amount: 100n, stepAmount: 100n, expiresAtSec: NOW, reviewSec: 3_600 };
    await ledger.jobs.keep({ ...charge, ...terms, commitment: randomBytes(32), receipt: randomBytes(8) });
    await ledger.jobs.mark({ jobId, step }, state, state === 'PAID' ? 100n : 0n);
    return callId;
  }
  const anchored = (callId: Uint8Array) =>
    pool.query(
      `with made as (
         insert into provider.epoch (asset, tenure, number, root, receipts, amount)
         select 1, 1, count(*) + 1, '', 1, 0 from provider.epoch returning id)
       update provider.call set epoch = made.id from made where call_id = $1`,
      [callId],
    );
  const known = async (...callIds: Uint8Array[]) =>
    await Promise.all(callIds.map(async (callId) => (await ledger.call(payer, callId)) !== undefined));

  test('keep their calls until the chain has said how the step ended, and their answers for a day', async () => {
    const old = NOW - 3 * DAY;
    const jobId = randomBytes(32);
    const [answered, submitted, paid, unpaid, young] = [
      await served('ANSWERED', old),
      await served('SUBMITTED', old, jobId, 0),
      await served('PAID', old, jobId, 1),
      await served('UNPAID', old, jobId, 2),
      await served('PAID', NOW - 60),
    ];
    expect(await sweepLedger(ledger, { retainSec: DAY, nowSec: NOW })).toMatchObject({ responses: 4, calls: 2 });
    expect(await known(answered, submitted, paid, unpaid, young)).toEqual([true, true, false, false, true]);
    expect(await ledger.response(payer, young)).toHaveLength(8);
    // The steps stay: none pays twice, what was paid is released, and what was not counts against its client.
    expect(await ledger.jobs.isSpent(jobId, 1)).toBe(true);
    expect(await ledger.tenures()).toEqual([{ asset: 1n, tenure: 1 }]);
    expect(await ledger.jobs.countsOf(payer, NOW - DAY)).toEqual({ open: 2, unpaid: 1 });
    const some = [0, 1].map((step) => ({ jobId, step }));
    expect(await ledger.jobs.countsOf(payer, NOW - DAY, some)).toEqual({ open: 1, unpaid: 1 });
  });

  test('are handed in before any that wait is looked at, and those that wait round by round, of no tenure but ours', async () => {
    const tenures = [{ asset: 1n, tenure: 7 }];
    await pool.query(
      `insert into provider.job
         (id, step, payer, call_id, asset, tenure, amount, deliverable, expires_at_sec, review_sec, state)
       select sha256(n::text::bytea), 0, '', '', 1, 7, 100, '', 1, 3600, 'SUBMITTED' from generate_series(1, $1) as n`,
      [JOBS_AT_ONCE + 1],
    );
    const [mine, theirs] = [randomBytes(32), randomBytes(32)];
    await served('ANSWERED', NOW, mine, 0, 7);
    await served('ANSWERED', NOW, theirs, 0, 8);
    const first = await ledger.jobs.open(tenures);
    expect(first).toHaveLength(1 + JOBS_AT_ONCE);
    expect(first[0]).toMatchObject({ jobId: mine, state: 'ANSWERED' });
    const second = await ledger.jobs.open(tenures, first.at(-1));
    expect(second).toMatchObject([{ jobId: mine }, { state: 'SUBMITTED' }]);
    expect(new Set([...first, ...second].map(({ jobId }) => toHex(jobId))).size).toBe(JOBS_AT_ONCE + 2);
    expect(await ledger.jobs.open(tenures, second.at(-1))).toMatchObject([{ jobId: mine }]);
  });

  test('keep what was paid until its receipt is anchored, where receipts are', async () => {
    const sweep = () => sweepLedger(ledger, { retainSec: 0, nowSec: NOW, anchors: true });
    const old = NOW - 3 * DAY;
    const [waiting, done, unpaid] = [await served('PAID', old), await served('PAID', old), await served('UNPAID', old)];
    await anchored(done);
    await sweep();
    expect(await known(waiting, done, unpaid)).toEqual([true, false, false]);
    await anchored(waiting);
    await sweep();
    expect(await known(waiting)).toEqual([false]);
  });
});
