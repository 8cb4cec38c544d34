import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { JobSettler } from '#payments/provider/job-settler.js';
import { type Market, startMarket } from '#test/support/market.js';
import { type PaidWords, startPaidWords } from '#test/support/paid-words.js';
import { type PayingWorkers, startPayingWorkers } from '#test/support/paying-worker.js';
import { startSettler } from '#test/support/settling.js';
import type { NodeProcess } from '#test/support/spawn-node.js';
import { startTemporal } from '#test/support/temporal.js';

/* Crash points of a job's step that are the worker's: SIGKILL, restart, one job, paid once. */
describe('killed in a step that a job pays', () => {
  let market: Market;
  let words: PaidWords;
  let workers: PayingWorkers;
  let worker: NodeProcess;
  let settler: JobSettler;
  let claiming: Awaited<ReturnType<typeof startSettler>>;

  beforeAll(async () => {
    market = await startMarket();
    words = await startPaidWords(market);
    claiming = await startSettler(market.chain, words, words.operatorWallet);
    const { asset, tenure } = words.listing;
    const claimants = [{ asset, tenure, sender: claiming.sender }];
    settler = new JobSettler({ ledger: words.ledger, chain: words.view, claimants, everyMs: 50 });
    settler.start();
    workers = await startPayingWorkers(market, await startTemporal(), 'test/fixtures/jobs-workflows.ts');
    worker = await workers.startWorker();
  }, 180_000);

  afterAll(async () => {
    await worker?.stop();
    await settler?.stop();
    await claiming?.stop();
    await words?.stop();
    await market?.stop();
  });

  it.each(['FundJob', 'EvaluateJob'])(
    'I7 the worker after %s and before it hears of it: one job, one call, one payment',
    async (method) => {
      const from = (await market.chain.provider.getBlockNumber()) + 1;
      const before = await workers.wallet.account();
      words.calls.length = 0;
      const silence = workers.fallSilent(method, { isDone: true });
      const run = await workers.client.workflow.start('checked', {
        args: [`killed after ${method}`],
        taskQueue: workers.taskQueue,
        workflowId: method,
        workflowTaskTimeout: '2s',
      });
      await silence.meets();
      await worker.killHard();
      workers.answerAgain();
      worker = await workers.startWorker();
      expect(await run.result()).toBe('3');
      expect(words.calls).toEqual([`killed after ${method}`]);
      const events = (await market.chain.jobs.events(from, 'latest')).map(({ name }) => name);
      expect(events).toEqual(['JobFunded', 'JobSubmitted', 'JobCompleted', 'PaymentReleased']);
      const after = await workers.wallet.account();
      expect(before.free + before.inToken - after.free - after.inToken).toBe(100n);
    },
    240_000,
  );
});
