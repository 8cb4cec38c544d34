import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import type { WorkflowBundle } from '@temporalio/worker';
import { send } from '#contracts/chain.js';
import { WeftError } from '#core/errors.js';
import { fromHex } from '#core/hex.js';
import { runMemo } from '#core/run-memo.js';
import type { LocalWallet } from '#payments/payer/local-wallet.js';
import { JobSettler } from '#payments/provider/job-settler.js';
import { startWallet } from '#test/support/local-wallet.js';
import { type Market, startMarket } from '#test/support/market.js';
import { type PaidRuns, startPaidRuns } from '#test/support/paid-runs.js';
import { type PaidWords, startPaidWords } from '#test/support/paid-words.js';
import { startSettler } from '#test/support/settling.js';
import { progressQuery } from '#workflows/runtime/progress.js';
import { bundleWorkflows } from './bundle.js';

const PRICE = 100n;

describe('steps that jobs pay', () => {
  let market: Market;
  let words: PaidWords;
  let wallet: LocalWallet;
  let bundle: WorkflowBundle;
  let runs: PaidRuns;
  let claiming: Awaited<ReturnType<typeof startSettler>>;
  let settler: JobSettler;

  beforeAll(async () => {
    [market, bundle] = await Promise.all([startMarket(), bundleWorkflows('test/fixtures/jobs-workflows.ts')]);
    words = await startPaidWords(market);
    wallet = await startWallet(market.chain);
    runs = await startPaidRuns(market, wallet, bundle);
    claiming = await startSettler(market.chain, words, words.operatorWallet);
    const { asset, tenure } = words.listing;
    settler = new JobSettler({
      ledger: words.ledger,
      chain: words.view,
      claimants: [{ asset, tenure, sender: claiming.sender }],
      everyMs: 50,
    });
    settler.start();
  }, 180_000);

  afterAll(async () => {
    await settler?.stop();
    await claiming?.stop();
    await runs?.parts.caller.flush();
    await wallet?.close();
    await words?.stop();
    await market?.stop();
  });

  /** All that the payer has, also given back and not fetched yet, what waits in jobs, and what they released. */
  const sums = async () => {
    const { free, inToken, inChannels, inJobs } = await wallet.account();
    const { jobs, token, provider } = market.chain;
    const released = (await jobs.events(0, await provider.getBlockNumber())).reduce(
      (sum, event) => (event.name === 'PaymentReleased' ? sum + event.amount : sum),
      0n,
    );
    const refunded = await jobs.balanceOf(wallet.payerAddress);
    const waiting = (await token.balanceOf(jobs.address)) - refunded;
    return { payer: free + inToken + inChannels + inJobs, waiting, released };
  };

  let before: Awaited<ReturnType<typeof sums>>;
  beforeEach(async () => {
    words.handlers.extract = (text) => text.split(' ').map((word) => ({ type: 'WORD', text: word }));
    words.calls.length = 0;
    before = await sums();
  });

  /** To the last unit, on every side: nothing waits anywhere. */
  const expectPaid = async (amount: bigint) => {
    expect(await sums()).toEqual({
      payer: before.payer - amount,
      waiting: 0n,
      released: before.released + amount,
    });
    while ((await words.ledger.jobs.open()).length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    const { rows } = await words.pool.query('select sum(paid)::text as paid from provider.job');
    expect(BigInt(rows[0].paid)).toBe(before.released + amount);
  };

  const quoteOf = async (handle: WorkflowHandle) => {
    const { quote } = await handle.query(progressQuery);
    return wallet.quoteStatus(fromHex(quote?.quoteId ?? '0x', 'quoteId', 32));
  };

  it('pays an answer that passes the check of the workflow', async () => {
    const run = await runs.start('checked', ['one two three']);
    expect(await run.result()).toBe('3');
    const { paid, quote, steps } = await run.query(progressQuery);
    expect([paid, quote?.total]).toEqual(['100', '1500']);
    expect(steps).toMatchObject([
      { step: 'entities.extract', status: 'done', amount: '100', receipt: { verified: true } },
    ]);
    expect(await quoteOf(run)).toMatchObject({ closed: true, settled: PRICE, exposure: PRICE });
    expect(await wallet.channels()).toEqual([]);
    await expectPaid(PRICE);
  });

  it('rejects one that does not: nothing is paid, and the step fails once, for a reason', async () => {
    const run = await runs.start('checked', ['one']);
    expect(await run.result()).toBe('JOB_REJECTED');
    expect(words.calls).toEqual(['one']);
    const { paid, steps } = await run.query(progressQuery);
    expect([paid, steps[0]?.amount]).toEqual(['0', '0']);
    expect(await quoteOf(run)).toMatchObject({ closed: true, settled: 0n, exposure: 0n });
    await expectPaid(0n);
  });

  it('lets workflow code decide when it has compared answers', async () => {
    const run = await runs.start('compared', ['a b', 'a b c']);
    expect(await run.result()).toBe('a b c');
    expect((await run.query(progressQuery)).paid).toBe('100');
    await expectPaid(PRICE);
  });

  it.each([
    ['accepts', PRICE, '2'],
    ['pays in part', 40n, '2'],
    ['rejects', 0n, 'JOB_REJECTED'],
  ])('waits for the person who evaluates, who %s', async (what, amount, result) => {
    const { jobs } = market.chain;
    const account = market.chain.account(6);
    const run = await runs.start('asksPerson', ['two words']);
    const submitted = async () =>
      (await wallet.jobs()).find(({ state }) => state === 'SUBMITTED' || state === 'FUNDED');
    for (;;) {
      const job = await submitted();
      const step = job && (await jobs.step(job.jobId, 0));
      if (step?.status !== 'submitted') {
        await new Promise((resolve) => setTimeout(resolve, 20));
        continue;
      }
      const { jobId } = job!;
      expect((await run.describe()).status.name).toBe('RUNNING');
      if (what === 'rejects') await send(account, jobs.reject(jobId, 0));
      else if (what === 'accepts') await send(account, jobs.complete(jobId, 0, step.deliverable));
      else await send(account, jobs.completeInPart(jobId, 0, step.deliverable, amount));
      break;
    }
    expect(await run.result()).toBe(result);
    expect((await run.query(progressQuery)).paid).toBe(String(amount));
    await expectPaid(amount);
  });

  it('takes everything back when the service fails', async () => {
    words.handlers.extract = () => {
      throw new WeftError('TEXT_TOO_LONG', 'too long');
    };
    const run = await runs.start('broken', ['a']);
    expect(await run.result()).toBe('TEXT_TOO_LONG');
    expect(await quoteOf(run)).toMatchObject({ settled: 0n, exposure: 0n });
    await expectPaid(0n);
  });

  it('rule 5: a job counts against what the starter of the run allows', async () => {
    const run = await runs.start('checked', ['a b'], { memo: runMemo(1_000n) });
    expect(await run.result()).toBe('QUOTE_ABOVE_LIMIT');
    expect(words.calls).toEqual([]);
  });

  it('I13 replays every history that this file has made', async () => {
    expect(await runs.replayAll()).toBeGreaterThan(5);
  });
});
