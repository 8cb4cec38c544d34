import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Context } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import type { WorkflowBundle } from '@temporalio/worker';
import { WeftError } from '#core/errors.js';
import { fromHex } from '#core/hex.js';
import { runMemo } from '#core/run-memo.js';
import type { LocalWallet } from '#payments/payer/local-wallet.js';
import { startGrpcApp } from '#platform/grpc/start-grpc-app.js';
import { EntitiesServiceDefinition } from '#protos/models/entities/v1/entities.js';
import { runError } from '#services/gateway/runs/run-error.js';
import { startWallet } from '#test/support/local-wallet.js';
import { type Market, startMarket } from '#test/support/market.js';
import { onEnd } from '#test/support/on-end.js';
import { type PaidRuns, startPaidRuns } from '#test/support/paid-runs.js';
import { EXTRACT, type PaidWords, STREAM, startPaidWords, wordsModule } from '#test/support/paid-words.js';
import { progressQuery } from '#workflows/runtime/progress.js';
import { bundleWorkflows } from './bundle.js';

const PRICE = 100n;

describe('paid runs', () => {
  let market: Market;
  let words: PaidWords;
  let wallet: LocalWallet;
  let bundle: WorkflowBundle;
  let runs: PaidRuns;

  beforeAll(async () => {
    [market, bundle] = await Promise.all([startMarket(), bundleWorkflows('test/fixtures/words-workflows.ts')]);
    words = await startPaidWords(market);
    wallet = await startWallet(market.chain, { funds: 10_000_000n });
    runs = await startPaidRuns(market, wallet, bundle);
  });

  afterAll(async () => {
    await runs?.parts.caller.flush();
    await wallet?.close();
    await words?.stop();
    await market?.stop();
  });

  let before: bigint;
  beforeEach(async () => {
    words.handlers.extract = (text) => text.split(' ').map((word) => ({ type: 'WORD', text: word }));
    words.calls.length = 0;
    before = (await spent()).provider;
  });

  /** What wallet and provider say was spent on the channel so far; both sides must always agree. */
  const spent = async () => {
    await runs.parts.caller.flush();
    const [channel] = await wallet.channels();
    if (channel === undefined) return { wallet: 0n, provider: 0n };
    return { wallet: channel.settled, provider: (await words.ledger.channel(channel.channelId))?.spent ?? 0n };
  };

  const expectCharged = async (amount: bigint) => {
    const after = await spent();
    expect(after.provider - before).toBe(amount);
    expect(after.wallet).toBe(after.provider);
  };

  const quoteOf = async (handle: WorkflowHandle) => {
    const { quote } = await handle.query(progressQuery);
    return wallet.quoteStatus(fromHex(quote?.quoteId ?? '0x', 'quoteId', 32));
  };

  const failureOf = async (handle: WorkflowHandle) => runError(await handle.result().catch((error: unknown) => error));

  it('pays every step and tells what it paid', async () => {
    const run = await runs.start('two', ['a b c']);
    expect(await run.result()).toBe(7);
    const { quote, paid, steps } = await run.query(progressQuery);
    expect(paid).toBe('200');
    expect(BigInt(quote?.total ?? 0)).toBeGreaterThanOrEqual(200n);
    expect(steps).toEqual(
      ['words.extract', 'slow.extract'].map((step) => ({
        step: step === 'words.extract' ? 'entities.extract' : step,
        n: 0,
        status: 'done',
        listing: `0x${words.digest.toString('hex')}`,
        method: EXTRACT,
        amount: '100',
        latencyMs: expect.any(Number),
        attempts: 1,
        receipt: {
          callId: expect.stringMatching(/^0x[0-9a-f]{64}$/),
          signer: `0x${Buffer.from(words.operator.address).toString('hex')}`,
          verified: true,
        },
      })),
    );
    await expectCharged(2n * PRICE);
  });

  it('closes the quote at the end of the run: what was not spent is free again', async () => {
    const run = await runs.start('two', ['a']);
    await run.result();
    const { closed, settled, exposure } = await quoteOf(run);
    expect({ closed, settled, exposure }).toEqual({ closed: true, settled: 200n, exposure: 200n });
  });

  it('opens one channel, once, for all runs', async () => {
    await (await runs.start('two', ['x'])).result();
    expect(await wallet.channels()).toHaveLength(1);
  });

  it('collects and folds server streams, and passes free steps', async () => {
    const run = await runs.start('streams', ['one two three']);
    expect(await run.result()).toEqual({ all: ['one', 'two', 'three'], letters: 11, free: null });
    const { steps } = await run.query(progressQuery);
    expect(steps.map(({ method, amount }) => [method, amount])).toEqual([
      [STREAM, '30'],
      [STREAM, '30'],
      ['models.entities.v1.EntitiesService/Sentiment', '0'],
    ]);
    await expectCharged(60n);
  });

  it('runs steps side by side, each with an id of its own', async () => {
    const run = await runs.start('manyAtOnce', [['a', 'a a', 'a', 'a a a']]);
    expect(await run.result()).toEqual([1, 2, 1, 3]);
    const { steps } = await run.query(progressQuery);
    expect(new Set(steps.map(({ receipt }) => receipt?.callId)).size).toBe(4);
    await expectCharged(4n * PRICE);
  });

  describe('limits', () => {
    const expectNothingHappened = async (run: WorkflowHandle) => {
      expect(words.calls).toEqual([]);
      expect((await run.query(progressQuery)).paid).toBe('0');
      await expectCharged(0n);
    };

    it('rule 5: fails before its first payment when the quote is above what its starter allows', async () => {
      const run = await runs.start('two', ['a'], { memo: runMemo(150n) });
      expect(await failureOf(run)).toMatchObject({ reason: 'QUOTE_ABOVE_LIMIT', details: { maxTotal: '150' } });
      await expectNothingHappened(run);
    });

    it('rule 5: fails before its first payment when the quote is above what its code allows', async () => {
      const run = await runs.start('limited', ['99']);
      expect(await failureOf(run)).toMatchObject({ reason: 'QUOTE_ABOVE_LIMIT', details: { maxTotal: '99' } });
      await expectNothingHappened(run);
    });

    it('takes the smaller of both limits', async () => {
      const run = await runs.start('limited', ['1000000'], { memo: runMemo(77n) });
      expect(await failureOf(run)).toMatchObject({ details: { maxTotal: '77' } });
    });

    it.each(['', '-1', '1.5', 'x'])('refuses a limit that is no amount: %j', async (maxTotal) => {
      const run = await runs.start('limited', [maxTotal]);
      expect(await failureOf(run)).toMatchObject({ reason: 'INVALID_INPUT', details: { field: 'maxTotal' } });
    });

    it('T34 fails before its first payment when the listing asks more than the stub allows', async () => {
      const dear = await startPaidWords(market, { price: 1_001n });
      const only = await bundleWorkflows(
        await fixture(`
        import { EntitiesServiceDefinition } from '#protos/models/entities/v1/entities.js';
        import { service } from '#workflows/api.js';
        const words = service(EntitiesServiceDefinition, { maxPrice: '1000', asset: '${dear.listing.asset}' });
        export const dearly = () => words.extract({ text: 'a' });
      `),
      );
      const others = await startPaidRuns(market, wallet, only);
      expect(await failureOf(await others.start('dearly', []))).toMatchObject({
        reason: 'PRICE_ABOVE_LIMIT',
        details: { step: 'entities.extract', price: '1001', maxPrice: '1000' },
      });
      expect(dear.calls).toEqual([]);
      await dear.stop();
    });
  });

  describe('failures', () => {
    it('tells workflow code the reason of a service, without a charge and without a second try', async () => {
      words.handlers.extract = () => {
        throw new WeftError('TEXT_TOO_LONG', 'too long');
      };
      const run = await runs.start('forgiving', ['a']);
      expect(await run.result()).toBe('TEXT_TOO_LONG');
      const { steps } = await run.query(progressQuery);
      expect(steps).toMatchObject([{ status: 'failed', attempts: 1, amount: '0' }]);
      expect(words.calls).toHaveLength(1);
      await expectCharged(0n);
    });

    it('gives up a local step for its reason when the time for its attempts is over', async () => {
      words.handlers.extract = () => {
        throw new WeftError('SERVICE_UNAVAILABLE', 'not today');
      };
      const run = await runs.start('giveUp', ['local']);
      expect(await run.result()).toBe('SERVICE_UNAVAILABLE');
      const { steps } = await run.query(progressQuery);
      // Tried after 200 and 400 ms; the next pause, of 800 ms, would end after the second that it has.
      expect(steps).toMatchObject([{ status: 'failed', attempts: words.calls.length, amount: '0' }]);
      expect([2, 3]).toContain(words.calls.length);
      await expectCharged(0n);
    });

    it.each(['local', 'ordinary'])('ends a step (%s) that is under way when its time is over', async (kind) => {
      const served = new Promise<void>((resolve) => {
        words.handlers.extract = async () => {
          await new Promise((late) => setTimeout(late, 1_500));
          resolve();
          throw new WeftError('SERVICE_UNAVAILABLE', 'nobody waits any more');
        };
      });
      const run = await runs.start('giveUp', [kind]);
      expect(await run.result()).toBe('DEADLINE');
      await served;
    });

    it('T31 I7 a step that is tried again keeps its id and is charged once', async () => {
      let failures = 2;
      words.handlers.extract = () => {
        if (failures-- > 0) throw new WeftError('SERVICE_UNAVAILABLE', 'in a moment');
        return [];
      };
      const run = await runs.start('oneSlow', ['a']);
      await run.result();
      const { steps } = await run.query(progressQuery);
      expect(steps).toMatchObject([{ attempts: 3, amount: '100' }]);
      await expectCharged(PRICE);
    });

    it('I7 a step whose provider is not at its first endpoint is tried at the next one and charged once', async () => {
      const words = wordsModule({ extract: () => [] }, []);
      const first = await startGrpcApp({ module: words, definitions: [EntitiesServiceDefinition], graceMs: 100 });
      const moved = await startPaidWords(market, { firstEndpoint: `grpc://${first.address}` });
      onEnd(() => moved.stop());
      await first.close(); // the registry lists no endpoint that does not answer
      const only = await bundleWorkflows(
        await fixture(`
        import { EntitiesServiceDefinition } from '#protos/models/entities/v1/entities.js';
        import { service } from '#workflows/api.js';
        const options = { maxPrice: '1000', asset: '${moved.listing.asset}', retry: { maximumAttempts: 2 } };
        const local = service(EntitiesServiceDefinition, { ...options, name: 'local', local: true });
        const ordinary = service(EntitiesServiceDefinition, { ...options, name: 'ordinary', local: false });
        export const everyKind = async () => {
          await local.extract({ text: 'local' });
          await ordinary.extract({ text: 'ordinary' });
          await local.streamEntities({ text: 'stream' });
        };
      `),
      );
      const others = await startPaidRuns(market, wallet, only);
      const run = await others.start('everyKind', []);
      await run.result();
      const { steps } = await run.query(progressQuery);
      expect(steps.map(({ attempts, amount }) => [attempts, amount])).toEqual([
        [2, '100'],
        [2, '100'],
        [2, '10'],
      ]);
      expect(moved.calls).toEqual(['local', 'ordinary', 'stream']);
      await others.parts.caller.flush();
      const channel = (await wallet.channels()).find(({ terms }) => terms.asset === moved.listing.asset);
      expect(channel?.settled).toBe(210n);
      expect((await moved.ledger.channel(channel!.channelId))?.spent).toBe(210n);
    });

    it('T32 I7 a step that timed out here and was done there is answered from what is stored', async () => {
      let isFirst = true;
      words.handlers.extract = async (text) => {
        if (isFirst) {
          isFirst = false;
          await new Promise((resolve) => setTimeout(resolve, 1_700)); // longer than the step's own time limit
        }
        return [{ type: 'WORD', text }];
      };
      const run = await runs.start('oneSlow', ['done anyway']);
      expect(await run.result()).toBe(1);
      expect(words.calls).toEqual(['done anyway']);
      await expectCharged(PRICE);
    });

    it('a cancelled run closes its quote and keeps what it paid', async () => {
      const run = await runs.start('waits', []);
      await untilPaid(run, '100');
      await run.cancel();
      expect(await failureOf(run)).toMatchObject({ reason: 'CANCELLED' });
      expect(await quoteOf(run)).toMatchObject({ closed: true, settled: PRICE });
      await expectCharged(PRICE);
    });

    it('a run that is cancelled while it is quoted leaves nothing set aside', async () => {
      const open = wallet.openQuote.bind(wallet);
      const asked = new Promise<Uint8Array>((resolve) => {
        jest.spyOn(wallet, 'openQuote').mockImplementationOnce(async (request) => {
          resolve(request.quoteId);
          await Context.current().cancelled.catch(() => {});
          return open(request);
        });
      });
      const run = await runs.start('limited', ['1000000']);
      const quoteId = await asked;
      const closed = new Promise((resolve) => {
        const close = wallet.closeQuote.bind(wallet);
        jest.spyOn(wallet, 'closeQuote').mockImplementationOnce((id) => close(id).finally(() => resolve(id)));
      });
      await run.cancel();
      expect(await failureOf(run)).toMatchObject({ reason: 'CANCELLED' });
      expect(await closed).toEqual(quoteId);
      expect(await wallet.quoteStatus(quoteId)).toMatchObject({ closed: true, exposure: 0n });
    });

    it('refuses cron workflows, whose runs would share their call ids', async () => {
      const run = await runs.start('limited', ['1000000'], { cronSchedule: '@every 1s' });
      const first = runs.client.workflow.getHandle(run.workflowId, run.firstExecutionRunId, { followRuns: false });
      await first.result().catch(() => {}); // a cron run that fails is followed by the next one
      const end = (await first.fetchHistory()).events?.at(-1)?.workflowExecutionFailedEventAttributes;
      expect(end?.failure).toMatchObject({
        message: expect.stringContaining('use a schedule'),
        applicationFailureInfo: { type: 'INVALID_INPUT', nonRetryable: true },
      });
      await run.terminate();
      await expectCharged(0n);
    });
  });

  describe('T33 call ids', () => {
    const ids = async (handle: WorkflowHandle) =>
      (await handle.query(progressQuery)).steps.map(({ receipt }) => receipt?.callId);

    it('are new for every wanted run', async () => {
      const [one, other] = [await runs.start('two', ['same']), await runs.start('two', ['same'])];
      await Promise.all([one.result(), other.result()]);
      expect(new Set([...(await ids(one)), ...(await ids(other))]).size).toBe(4);
      await expectCharged(4n * PRICE);
    });

    it('stay what they are when a run is reset to any of its tasks, and nothing is charged twice', async () => {
      const run = await runs.start('two', ['reset me']);
      await run.result();
      const { events } = await run.fetchHistory();
      const tasks = (events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes);
      expect(tasks.length).toBeGreaterThanOrEqual(3);
      for (const task of tasks) {
        const { runId } = await runs.client.workflowService.resetWorkflowExecution({
          namespace: 'default',
          workflowExecution: { workflowId: run.workflowId, runId: run.firstExecutionRunId },
          workflowTaskFinishEventId: task.eventId ?? null,
          reason: 'T33',
          requestId: `reset ${task.eventId}`,
        });
        const again = runs.client.workflow.getHandle(run.workflowId, runId ?? undefined);
        expect(await again.result()).toBe(5);
        expect(await ids(again)).toEqual(await ids(run));
      }
      expect(words.calls).toHaveLength(2);
      await expectCharged(2n * PRICE);
    });

    it('differ between a parent and its children, which spend from one quote', async () => {
      const run = await runs.start('family', [2], { memo: runMemo(1_000_000n) });
      expect(await run.result()).toBe(6);
      await expectCharged(6n * PRICE);
      expect((await quoteOf(run)).settled).toBe(6n * PRICE);
      expect(new Set(words.calls).size).toBe(6);
    });

    it('differ between the segments of a run that continues as new, under one quote', async () => {
      const run = await runs.start('continued', [3]);
      expect(await run.result()).toBe(0);
      await expectCharged(4n * PRICE);
      const last = runs.client.workflow.getHandle(run.workflowId);
      expect(await quoteOf(last)).toMatchObject({ closed: true, settled: 4n * PRICE });
      expect(await last.query(progressQuery)).toMatchObject({
        paid: '400',
        earlier: { steps: 3, paid: '300' },
        steps: [{ segment: 3, amount: '100' }],
      });
    });
  });

  describe('T46 large messages', () => {
    it('carries what is larger than the history takes', async () => {
      words.handlers.extract = (text) => [{ type: 'WORD', text }];
      const bytes = new Uint8Array(3_000_000).fill(7);
      const run = await runs.start('echo', [bytes]);
      const { bytes: back, text } = await run.result();
      expect([back.length, back[2_999_999], text.length]).toEqual([3_000_000, 7, 3_000_000]);
      const history = JSON.stringify(await run.fetchHistory());
      expect(history.length).toBeLessThan(100_000);
      await expectCharged(PRICE);
    });

    it('pays as many steps as a run may have, in as many histories as they take', async () => {
      const steps = Number(process.env['WEFT_STEPS'] ?? 40);
      const long = await startPaidRuns(market, wallet, await bundleWorkflows('test/fixtures/long-workflows.ts'));
      // Of a few, so many to a history; of many, as many as Temporal thinks right.
      const run = await long.start('countDown', [steps, steps > 1_000 ? steps : 15]);
      expect(await run.result()).toBe(0);
      const { paid, earlier, steps: shown } = await long.client.workflow.getHandle(run.workflowId).query(progressQuery);
      expect(paid).toBe(String(PRICE * BigInt(steps)));
      expect((earlier?.steps ?? 0) + shown.length).toBe(steps);
      expect(shown.at(-1)?.segment).toBeGreaterThan(1);
      await long.parts.caller.flush();
      await expectCharged(PRICE * BigInt(steps));
    }, 600_000);

    it('refuses a request that is too large before it is paid, once', async () => {
      const run = await runs.start('tooLarge', [17 * 1024 * 1024]);
      expect(await run.result()).toMatch(/^MESSAGE_TOO_LARGE: the request of entities.extract has 17825797 bytes/);
      expect(words.calls).toEqual([]);
      await expectCharged(0n);
    });

    it('does not retry what a service could not send, and pays nothing for it', async () => {
      words.handlers.extract = () => [{ type: 'WORD', text: 'x'.repeat(17 * 1024 * 1024) }];
      expect(await (await runs.start('forgiving', ['a'])).result()).toBe('SERVICE_FAILED');
      expect(words.calls).toHaveLength(1);
      await expectCharged(0n);
    });

    it('gives up a stream with more messages than the step takes, once', async () => {
      expect(await (await runs.start('few', ['1 2 3 4 5 6'])).result()).toBe('MESSAGE_TOO_LARGE');
      expect(words.calls).toHaveLength(1);
      expect(await (await runs.start('few', ['1 2 3'])).result()).toBe('3');
    });
  });

  it('I13 replays every history that this file has made', async () => {
    expect(await runs.replayAll({ alsoRunning: false })).toBeGreaterThan(20);
  });

  /** A file of workflows beside the others, where its imports resolve. */
  const fixture = async (code: string): Promise<string> => {
    const folder = await mkdtemp(join(import.meta.dirname, '../../test/fixtures/.made-'));
    onEnd(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'workflows.ts'), code);
    return join(folder, 'workflows.ts');
  };

  const untilPaid = async (run: WorkflowHandle, amount: string) => {
    for (;;) {
      if ((await run.query(progressQuery)).paid === amount) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
});
