import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Client, WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import proto from '@temporalio/proto';
import { connectTemporal } from '#client/temporal/connect-temporal.js';
import { WeftError } from '#core/errors.js';
import type { LocalWallet } from '#payments/payer/local-wallet.js';
import { runError } from '#services/gateway/runs/run-error.js';
import { startWallet } from '#test/support/local-wallet.js';
import { type Market, startMarket } from '#test/support/market.js';
import { onEnd } from '#test/support/on-end.js';
import { type PaidRuns, startPaidRuns } from '#test/support/paid-runs.js';
import { type PaidWords, startPaidWords } from '#test/support/paid-words.js';
import { bundleWorkflows } from './bundle.js';

const HistoryMessage = proto.temporal.api.workflowservice.v1.GetWorkflowExecutionHistoryResponse;
/** Above what a history carries itself. */
const LARGE = 300_000;

describe('T39 encrypted runs', () => {
  let market: Market;
  let words: PaidWords;
  let wallet: LocalWallet;
  let runs: PaidRuns;
  /** Reads what there is without the key. */
  let stranger: Client;

  const connectWith = async (key?: Uint8Array) => {
    const { address } = runs.temporal;
    const payloads = { folder: runs.payloadFolder, ...(key && { key }) };
    const client = await connectTemporal({ address, namespace: 'default', payloads });
    onEnd(() => client.connection.close());
    return client;
  };

  beforeAll(async () => {
    const [started, bundle] = await Promise.all([startMarket(), bundleWorkflows('test/fixtures/words-workflows.ts')]);
    market = started;
    words = await startPaidWords(market);
    wallet = await startWallet(market.chain);
    runs = await startPaidRuns(market, wallet, bundle, randomBytes(32));
    stranger = await connectWith();
  });

  afterAll(async () => {
    await runs?.parts.caller.flush();
    await wallet?.close();
    await words?.stop();
    await market?.stop();
  });

  const canary = () => `canary${randomBytes(8).toString('hex')}`;
  const historyOf = async ({ workflowId }: WorkflowHandleWithFirstExecutionRunId): Promise<Buffer> =>
    Buffer.from(
      HistoryMessage.encode(
        await stranger.workflowService.getWorkflowExecutionHistory({
          namespace: 'default',
          execution: { workflowId },
        }),
      ).finish(),
    );
  const stored = async (): Promise<Buffer[]> => {
    const names = await readdir(runs.payloadFolder, { recursive: true }).catch(() => []);
    const files = names.filter((name) => /[0-9a-f]{64}$/.test(name));
    return Promise.all(files.map((name) => readFile(join(runs.payloadFolder, name))));
  };

  it('are paid and answered like any other, and leave nothing to read', async () => {
    const secret = canary();
    const run = await runs.start('two', [`${secret} b c`]);
    expect(await run.result()).toBe(7);
    expect((await historyOf(run)).includes(secret)).toBe(false);
    await expect(stranger.workflow.getHandle(run.workflowId).result()).rejects.toThrow(/encoding/);
  });

  it('would leave it without a key', async () => {
    const secret = canary();
    const run = await stranger.workflow.start('two', { taskQueue: 'nobody', workflowId: secret, args: [secret] });
    expect((await historyOf(run)).includes(secret)).toBe(true);
    await run.terminate();
  });

  it('keep large payloads encrypted too, and the same one once', async () => {
    const secret = canary();
    const text = secret.padEnd(LARGE, '.');
    const before = (await stored()).length;
    for (const run of [await runs.start('oneSlow', [text]), await runs.start('oneSlow', [text])]) await run.result();
    const files = await stored();
    // Input and request once for both runs; the results differ by their receipts.
    expect(files.length - before).toBe(4);
    expect(files.some((bytes) => bytes.includes(secret))).toBe(false);
  });

  it.each(['oneSlow', 'two', 'unwrapped'])(
    'tell the reason of a failure of %s to whoever has the key alone',
    async (workflow) => {
      const secret = canary();
      words.handlers.extract = (text) => {
        throw new WeftError('INVALID_INPUT', `"${text}" is no text`, { field: 'text' });
      };
      const run = await runs.start(workflow, [secret]);
      const failure = runError(await run.result().catch((error: unknown) => error));
      expect(failure).toMatchObject({ reason: 'INVALID_INPUT', message: expect.stringContaining(secret) });
      expect((await historyOf(run)).includes(secret)).toBe(false);
    },
  );

  it('say so when the key is another', async () => {
    words.handlers.extract = () => [];
    const run = await runs.start('oneSlow', ['hello']);
    await run.result();
    const other = await connectWith(randomBytes(32));
    await expect(other.workflow.getHandle(run.workflowId).result()).rejects.toThrow(/another key/);
  });

  it('read what was started before runs were encrypted', async () => {
    words.handlers.extract = (text) => [{ type: 'WORD', text }];
    const run = await stranger.workflow.start('oneSlow', {
      taskQueue: runs.taskQueue,
      workflowId: canary(),
      args: ['plain'],
    });
    expect(await runs.client.workflow.getHandle(run.workflowId).result()).toBe(1);
  });
});
