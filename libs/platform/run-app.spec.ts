import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { spawnNode } from '#test/support/spawn-node.js';
import { packageRoot } from './home.js';

const start = (...args: string[]) => spawnNode('test/support/fixtures/app.ts', { args });

describe('runApp', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('says it is ready and closes in order on %s', async (signal) => {
    const app = start('plain');
    const [line] = await app.waitForLine(/.*"msg":"ready".*/);
    expect(JSON.parse(line)).toMatchObject({
      name: 'demo',
      level: 'info',
      address: '127.0.0.1:1',
      readyMs: expect.any(Number),
    });
    app.kill(signal);
    expect(await app.exited).toEqual({ code: 0, signal: null });
    expect(app.lines.at(-1)).toContain('closed in order');
  });

  it('closes when its parent is gone', async () => {
    const root = packageRoot();
    const child = fork(join(root, 'test/support/fixtures/app.ts'), ['plain'], {
      execArgv: ['--import', join(root, 'test/support/ts-loader.mjs')],
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    let output = '';
    child.stdout?.on('data', (text) => {
      output += text;
      if (output.includes('"ready"') && child.connected) child.disconnect();
    });
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(output).toContain('closed in order');
  });

  it('ends a close that takes too long', async () => {
    const app = start('never-closes');
    await app.waitForLine(/"msg":"ready"/);
    app.kill('SIGTERM');
    expect((await app.exited).code).toBe(1);
    expect(app.lines.at(-1)).toContain('did not close in time');
  });

  it('ends at once on a second signal', async () => {
    const app = start('never-closes', '30000');
    await app.waitForLine(/"msg":"ready"/);
    app.kill('SIGINT');
    await app.waitForLine(/"msg":"closing"/);
    app.kill('SIGINT');
    expect((await app.exited).code).toBe(130);
  });

  it('says why it did not start', async () => {
    const app = start('bad-config');
    expect((await app.exited).code).toBe(1);
    expect(JSON.parse(app.lines.at(-1) ?? '')).toMatchObject({
      level: 'fatal',
      err: { reason: 'CONFIG_INVALID', message: 'PORT is wrong' },
    });
  });

  it('logs an error that nobody caught, and ends', async () => {
    const app = start('crash');
    expect((await app.exited).code).toBe(1);
    expect(app.lines.at(-1)).toMatch(/"level":"fatal".*nobody caught me/);
  });
});
