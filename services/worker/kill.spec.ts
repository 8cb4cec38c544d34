import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { toHex } from '#core/hex.js';
import { freePort } from '#platform/local/free-port.js';
import type { LocalTemporal } from '#platform/local/temporal.js';
import { ReserveRequest, SettleRequest } from '#protos/weft/wallet/v1/wallet.js';
import { startCutWire } from '#test/support/cut-wire.js';
import { type Market, startMarket } from '#test/support/market.js';
import { type PaidWords, startPaidWords } from '#test/support/paid-words.js';
import { type PayingWorkers, startPayingWorkers } from '#test/support/paying-worker.js';
import { seeded } from '#test/support/seeded.js';
import { startSettler } from '#test/support/settling.js';
import type { NodeProcess } from '#test/support/spawn-node.js';
import { tempDir } from '#test/support/temp-dir.js';
import { startTemporal } from '#test/support/temporal.js';
import { progressQuery } from '#workflows/runtime/progress.js';

const PRICE = 100n;

/* Crash points of PROTOCOL section 6 that are the worker's and Temporal's: SIGKILL, restart, and all ledgers agree. */
describe('killed', () => {
  let market: Market;
  let words: PaidWords;
  let temporal: LocalTemporal;
  let temporalOptions: { port: number; dbFile: string };
  let workers: PayingWorkers;
  let worker: NodeProcess;
  /** Set by a test: whether the wire from Temporal breaks before the answer that now comes. */
  let breaks = () => false;

  beforeAll(async () => {
    market = await startMarket();
    words = await startPaidWords(market);
    temporalOptions = { port: await freePort(), dbFile: `${tempDir()}/temporal.db` };
    temporal = await startTemporal(temporalOptions);
    const wired = { ...temporal, address: await startCutWire(temporal.address, () => breaks()) };
    workers = await startPayingWorkers(market, wired, 'test/fixtures/words-workflows.ts');
    worker = await workers.startWorker();
  });

  afterAll(async () => {
    await worker?.stop();
    await words?.stop();
    await market?.stop();
  });

  beforeEach(() => {
    words.calls.length = 0;
    words.handlers.extract = (text) => text.split(' ').map((word) => ({ type: 'WORD', text: word }));
  });

  const start = (workflow: string, args: unknown[]) =>
    workers.client.workflow.start(workflow, {
      args,
      taskQueue: workers.taskQueue,
      workflowId: `${workflow}-${Math.random()}`,
      // A worker that died with a task is missed soon.
      workflowTaskTimeout: '2s',
    });

  const balances = async () => {
    const [channel] = await workers.wallet.channels();
    if (channel === undefined) return { wallet: 0n, provider: 0n, reserved: 0n };
    const spent = (await words.ledger.channel(channel.channelId))?.spent ?? 0n;
    return { wallet: channel.settled, provider: spent, reserved: channel.reserved };
  };

  /** Settlements are told in the background, so the wallet may hear of the last one after the run's end. */
  const settledBalances = async () => {
    for (const giveUpAtMs = Date.now() + 10_000; ; await delay(50)) {
      const now = await balances();
      if ((now.reserved === 0n && now.wallet === now.provider) || Date.now() > giveUpAtMs) return now;
    }
  };

  const expectEqual = async (before: bigint, charged: bigint) => {
    const { wallet, provider, reserved } = await settledBalances();
    expect(provider - before).toBe(charged);
    expect(wallet).toBe(provider);
    expect(reserved).toBe(0n);
    const { settler, stop: end } = await startSettler(market.chain, words, words.operatorWallet);
    await settler.settleNow();
    await end();
    const [channel] = await workers.wallet.channels();
    expect(channel?.claimed).toBe(provider);
  };

  it.each([
    ['after reserving and before sending', 'Reserve'],
    ['after the response and before settling', 'Settle'],
  ] as const)(
    'T50 the worker %s, in a local and in an ordinary step: charges are equal',
    async (_when, method) => {
      const before = (await balances()).provider;
      // Reserve is done, Settle is not even heard; the same step may be tried again.
      const silence = workers.fallSilent(method, {
        isDone: method === 'Reserve',
        about: (request) =>
          method === 'Reserve' ? ReserveRequest.decode(request).step : toHex(SettleRequest.decode(request).callId),
      });
      const ordinary = await start('oneSlow', [`ordinary ${method}`]);
      await silence.meets(1);
      const local = await start('two', [`local ${method}`]);
      await silence.meets(2);
      await worker.killHard();
      workers.answerAgain();
      if (method === 'Reserve') expect(words.calls).toEqual([]);
      else expect(words.calls).toEqual(expect.arrayContaining([`ordinary ${method}`, `local ${method}`]));
      worker = await workers.startWorker();
      await Promise.all([local.result(), ordinary.result()]);
      expect(words.calls.sort()).toEqual([`local ${method}`, `local ${method} again`, `ordinary ${method}`]);
      expect((await local.query(progressQuery)).paid).toBe(String(2n * PRICE));
      expect((await ordinary.query(progressQuery)).paid).toBe(String(PRICE));
      await expectEqual(before, 3n * PRICE);
    },
    120_000,
  );

  it('T50 the Temporal server, in the middle of a run: charges are equal', async () => {
    const before = (await balances()).provider;
    let served: () => void = () => {};
    const inService = new Promise<void>((resolve) => {
      served = resolve;
    });
    let answer: () => void = () => {};
    const goOn = new Promise<void>((resolve) => {
      answer = resolve;
    });
    words.handlers.extract = async (text) => {
      served();
      await goOn;
      return [{ type: 'WORD', text }];
    };
    const run = await start('two', ['temporal dies']);
    await inService;
    process.kill(temporal.pid as number, 'SIGKILL');
    answer();
    await temporal.exited; // it holds the port and the file until then
    temporal = await startTemporal(temporalOptions);
    await run.result();
    await expectEqual(before, 2n * PRICE);
  }, 120_000);

  it('T32 T50 the wire to Temporal, again and again after what was asked was done: charges are equal', async () => {
    const before = (await balances()).provider;
    const seed = Number(process.env['WEFT_SEED'] ?? randomInt(2 ** 31));
    console.log(`breaks by seed ${seed}`);
    const random = seeded(seed);
    let answers = 0;
    let broken = 0;
    breaks = () => {
      answers += 1;
      // The fifth always, since some seeds break none.
      if (random() > 0.04 && answers !== 5) return false;
      broken += 1;
      return true;
    };
    const texts = Array.from({ length: 10 }, (_, i) => `lost ${i}`);
    const runs = await Promise.all(texts.map((text) => start('two', [text])));
    const found = await Promise.all(runs.map((run) => run.result()));
    breaks = () => false;
    console.log(`${broken} breaks`);
    expect(broken).toBeGreaterThan(0);
    expect(found).toEqual(texts.map(() => 5));
    expect(words.calls.sort()).toEqual(texts.flatMap((text) => [text, `${text} again`]).sort());
    await expectEqual(before, 20n * PRICE);
  }, 180_000);

  it("I14 T39 T40 no secret is in a run's history or in the worker's log", async () => {
    const secrets = await Promise.all(
      ['spend.token', 'admin.token', 'password', 'channels.json', 'payer.json'].map(async (file) =>
        (await readFile(join(workers.home, 'wallet', file), 'utf8')).trim(),
      ),
    );
    const written: string[] = [...worker.lines];
    for await (const { workflowId, runId } of workers.client.workflow.list())
      written.push(JSON.stringify(await workers.client.workflow.getHandle(workflowId, runId).fetchHistory()));
    expect(written.length).toBeGreaterThan(5);
    for (const text of written)
      for (const secret of secrets) {
        expect(text).not.toContain(secret);
        expect(text).not.toContain(Buffer.from(secret).toString('base64'));
      }
  });
});
