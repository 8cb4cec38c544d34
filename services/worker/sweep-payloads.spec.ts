import { randomBytes } from 'node:crypto';
import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Client, WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { connectTemporal } from '#client/temporal/connect-temporal.js';
import type { LocalTemporal } from '#platform/local/temporal.js';
import { onEnd } from '#test/support/on-end.js';
import { tempDir } from '#test/support/temp-dir.js';
import { startTemporal } from '#test/support/temporal.js';
import { sweepPayloads } from './sweep-payloads.js';

const DAY_MS = 86_400_000;

describe('payloads of runs', () => {
  let temporal: LocalTemporal;
  let client: Client;
  let folder: string;

  beforeAll(async () => {
    temporal = await startTemporal();
  });

  beforeEach(async () => {
    folder = join(tempDir(), 'payloads');
    client = await connectTemporal({ address: temporal.address, namespace: 'default', payloads: { folder } });
    onEnd(() => client.connection.close());
  });

  const files = async () => (await readdir(folder, { recursive: true })).filter((name) => /[0-9a-f]{64}$/.test(name));
  const age = async (name: string, days: number) => {
    const then = new Date(Date.now() - days * DAY_MS);
    await utimes(join(folder, name), then, then);
  };
  /** As it would be after more than a month. */
  const sweepLater = () => sweepPayloads({ client, folder, keepDays: 30, nowMs: Date.now() + 40 * DAY_MS });
  /** No worker takes it: it stays open. */
  const start = (input: Uint8Array, workflowId = `run-${randomBytes(6).toString('hex')}`) =>
    client.workflow.start('any', { taskQueue: 'nobody', workflowId, args: [input] });
  /** As retention does, some time after the end. A run that is deleted before it can be listed may be listed for ever. */
  const forget = async (run: WorkflowHandleWithFirstExecutionRunId) => {
    await visible(run);
    const { workflowId } = run;
    await client.workflowService.deleteWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId },
    });
    const query = `WorkflowId = "${workflowId}"`;
    while ((await client.workflow.count(query)).count > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  };
  const visible = async ({ workflowId }: WorkflowHandleWithFirstExecutionRunId) => {
    const query = `WorkflowId = "${workflowId}"`;
    while ((await client.workflow.count(query)).count === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  };

  it('stay while Temporal has a run that is still open, and go with it', async () => {
    const run = await start(randomBytes(400_000));
    await visible(run);
    expect(await sweepLater()).toBe(0);
    expect(await files()).toHaveLength(1);
    await forget(run);
    expect(await sweepLater()).toBe(1);
    expect(await files()).toEqual([]);
  });

  it('go by the time when they were last stored, not first', async () => {
    const input = randomBytes(400_000);
    await forget(await start(input));
    await age((await files())[0]!, 31);
    const again = await start(input);
    expect(await sweepPayloads({ client, folder, keepDays: 30 })).toBe(0);
    await forget(again);
    await age((await files())[0]!, 29);
    expect(await sweepPayloads({ client, folder, keepDays: 30 })).toBe(0);
    await age((await files())[0]!, 31);
    expect(await sweepPayloads({ client, folder, keepDays: 30 })).toBe(1);
  });

  it('stay when Temporal cannot be asked', async () => {
    await forget(await start(randomBytes(400_000)));
    await age((await files())[0]!, 31);
    await client.connection.close();
    await expect(sweepPayloads({ client, folder, keepDays: 30 })).rejects.toThrow();
    expect(await files()).toHaveLength(1);
  });

  it('stay while Temporal has a run that ended', async () => {
    const run = await start(randomBytes(400_000));
    await visible(run);
    await run.terminate();
    expect(await sweepLater()).toBe(0);
    expect(await files()).toHaveLength(1);
  });
});
