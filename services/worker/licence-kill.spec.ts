import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { toHex } from '#core/hex.js';
import { runMemo } from '#core/run-memo.js';
import { offerLicence } from '#test/support/licensing.js';
import { type Market, startMarket } from '#test/support/market.js';
import { type PaidWords, startPaidWords } from '#test/support/paid-words.js';
import { type PayingWorkers, startPayingWorkers } from '#test/support/paying-worker.js';
import type { NodeProcess } from '#test/support/spawn-node.js';
import { startTemporal } from '#test/support/temporal.js';
import { progressQuery } from '#workflows/runtime/progress.js';

/* Crash points of a step with a licence that are the worker's: SIGKILL, restart, and the pass has lost one call. */
describe('killed in a step with a licence', () => {
  let market: Market;
  let words: PaidWords;
  let workers: PayingWorkers;
  let worker: NodeProcess;
  let licenceId: Uint8Array;

  beforeAll(async () => {
    market = await startMarket();
    words = await startPaidWords(market);
    workers = await startPayingWorkers(market, await startTemporal(), 'test/fixtures/licensed-workflows.ts');
    const terms = { kind: 'pass', calls: 9n, spanSec: 0 } as const;
    const { offerId } = await offerLicence(market.chain, market.chain.account(1), words.listing.asset, terms);
    const purchase = { offerId, listing: words.digest, maxPrice: undefined };
    ({ licenceId } = await workers.wallet.buyLicence(purchase));
    worker = await workers.startWorker();
  }, 180_000);

  afterAll(async () => {
    await worker?.stop();
    await words?.stop();
    await market?.stop();
  });

  const counts = async () => {
    const [held] = await workers.wallet.licences();
    const row = await words.ledger.licences.licence(licenceId);
    return { signed: held?.signed, served: row?.spent ?? 0n };
  };

  it.each([
    ['after the wallet has signed and before it is sent', 'SignUse', 1n],
    ['after the response and before the wallet is told', 'SettleUse', 2n],
  ])(
    'I7 T50 the worker, %s: the pass counts the call once',
    async (_when, method, used) => {
      words.calls.length = 0;
      const silence = workers.fallSilent(method, { isDone: method === 'SignUse' });
      const run = await workers.client.workflow.start('counts', {
        args: [[`killed at ${method}`]],
        taskQueue: workers.taskQueue,
        workflowId: method,
        workflowTaskTimeout: '2s',
        memo: runMemo(0n, [toHex(licenceId)]),
      });
      await silence.meets();
      await worker.killHard();
      workers.answerAgain();
      worker = await workers.startWorker();
      expect(await run.result()).toEqual([3]);
      expect(words.calls).toEqual([`killed at ${method}`]);
      expect(await counts()).toEqual({ signed: used, served: used });
      const { paid, steps } = await run.query(progressQuery);
      expect([paid, steps.length]).toEqual(['0', 1]);
      expect(steps[0]).toMatchObject({ amount: '0', licence: toHex(licenceId), receipt: { verified: true } });
      expect(await workers.wallet.channels()).toEqual([]);
    },
    240_000,
  );

  it("I14 T39 no secret of the wallet's is in a history", async () => {
    const files = ['spend.token', 'admin.token', 'password', 'channels.json'];
    const secrets = await Promise.all(files.map((file) => readFile(join(workers.home, 'wallet', file), 'utf8')));
    let seen = 0;
    for await (const { workflowId, runId } of workers.client.workflow.list()) {
      const text = JSON.stringify(await workers.client.workflow.getHandle(workflowId, runId).fetchHistory());
      for (const secret of secrets) expect(text).not.toContain(secret.trim());
      seen++;
    }
    expect(seen).toBe(2);
  });
});
