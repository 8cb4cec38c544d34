import { afterAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createDatabase } from './database.js';
import { onEnd } from './on-end.js';
import { isAlive } from './processes.js';
import { spawnNode } from './spawn-node.js';

const order: string[] = [];
onEnd(() => {
  if (order.join() !== 'afterAll,second,first') throw new Error(`ends came in the order ${order.join()}`);
});
onEnd(() => order.push('first'));
onEnd(() => order.push('second'));
afterAll(() => {
  order.push('afterAll');
});

describe('test support', () => {
  it('gives every caller an empty database of its own', async () => {
    const urls = await Promise.all([createDatabase(), createDatabase()]);
    expect(new Set(urls).size).toBe(2);
    for (const url of urls) {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query('create table item ()');
      await client.end();
    }
  });

  it('runs a program from its sources, and kills it', async () => {
    const app = spawnNode('test/support/fixtures/app.ts', { args: ['plain'] });
    await app.waitForLine(/"msg":"ready"/);
    expect(isAlive(app.pid)).toBe(true);
    await app.killHard();
    expect(app.exit).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('shows the output of a program that ended before the line came', async () => {
    const app = spawnNode('test/support/fixtures/app.ts', { args: ['bad-config'] });
    await expect(app.waitForLine(/never/)).rejects.toThrow(/app.ts ended before a line matched.*PORT is wrong/s);
  });
});
