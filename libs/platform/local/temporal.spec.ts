import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { isAlive } from '#test/support/processes.js';
import { tempDir } from '#test/support/temp-dir.js';
import { startTemporal } from '#test/support/temporal.js';
import { withFileLock } from './file-lock.js';
import { useTemporal } from './temporal.js';
import { findTemporal, temporalVersion } from './temporal-binary.js';

const withEnv = async <T>(changes: NodeJS.ProcessEnv, work: () => Promise<T>): Promise<T> => {
  const before = { ...process.env };
  Object.assign(process.env, changes);
  try {
    return await work();
  } finally {
    process.env = before;
  }
};
const program = (folder: string) => {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'temporal');
  writeFileSync(file, '#!/bin/sh\n');
  chmodSync(file, 0o755);
  return file;
};

describe('startTemporal', () => {
  it('keeps workflows in its file, also when it is killed', async () => {
    const dbFile = join(tempDir(), 'temporal/temporal.db');
    const first = await startTemporal({ dbFile });
    const start = await Connection.connect({ address: first.address });
    await new Client({ connection: start }).workflow.start('none', { taskQueue: 'none', workflowId: 'kept' });
    await start.close();
    process.kill(first.pid ?? 0, 'SIGKILL');
    await first.stop();

    const second = await startTemporal({ dbFile, headless: false });
    const again = await Connection.connect({ address: second.address });
    const { status } = await new Client({ connection: again }).workflow.getHandle('kept').describe();
    expect(status.name).toBe('RUNNING');
    expect((await fetch(second.uiUrl ?? '', { headers: { connection: 'close' } })).status).toBe(200);
    await again.close();
    await second.stop();
    expect(isAlive(second.pid ?? 0)).toBe(false);
  });
});

describe('useTemporal', () => {
  it('takes the server at TEMPORAL_ADDRESS and leaves it running', async () => {
    const server = await startTemporal();
    await withEnv({ TEMPORAL_ADDRESS: server.address }, async () => {
      const used = await useTemporal();
      expect(used.address).toBe(server.address);
      await used.stop();
    });
    expect(isAlive(server.pid ?? 0)).toBe(true);
  });

  it('says when nobody answers there', async () => {
    await withEnv({ TEMPORAL_ADDRESS: '127.0.0.1:1' }, async () => {
      await expect(useTemporal()).rejects.toMatchObject({
        reason: 'TEMPORAL_UNAVAILABLE',
        message: expect.stringContaining('TEMPORAL_ADDRESS=127.0.0.1:1'),
      });
    });
  });
});

describe('findTemporal', () => {
  it('prefers PATH, then the cache', async () => {
    const onPath = program(tempDir());
    const cacheDir = tempDir();
    const cached = program(join(cacheDir, `temporal-${temporalVersion}`));
    await withEnv({ PATH: `${join(onPath, '..')}${delimiter}${process.env['PATH']}` }, async () => {
      expect(await findTemporal({ cacheDir })).toBe(onPath);
    });
    await withEnv({ PATH: '/nowhere' }, async () => {
      expect(await findTemporal({ cacheDir })).toBe(cached);
    });
    await withEnv({ PATH: '/nowhere', WEFT_CACHE: cacheDir }, async () => {
      expect(await findTemporal()).toBe(cached);
    });
  });
});

describe('withFileLock', () => {
  it('lets one at a time in, and lets go when the work fails', async () => {
    const file = join(tempDir(), 'lock');
    let inside = 0;
    const work = async () => {
      expect(++inside).toBe(1);
      await delay(5);
      inside--;
      throw new Error('failed');
    };
    const all = await Promise.allSettled([1, 2, 3].map(() => withFileLock(file, work)));
    expect(all.map((each) => each.status === 'rejected' && each.reason.message)).toEqual(Array(3).fill('failed'));
    expect(existsSync(file)).toBe(false);
  });

  it('takes over from a holder that has died', async () => {
    const file = join(tempDir(), 'lock');
    writeFileSync(file, '4194304');
    expect(await withFileLock(file, async () => 'done')).toBe('done');
  });
});
