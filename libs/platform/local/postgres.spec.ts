import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { onEnd } from '#test/support/on-end.js';
import { untilGone } from '#test/support/processes.js';
import { spawnNode } from '#test/support/spawn-node.js';
import { tempDir } from '#test/support/temp-dir.js';
import { type PostgresOptions, startPostgres } from './postgres.js';

const start = async (options: PostgresOptions) => {
  const server = await startPostgres({ fsync: false, ...options });
  onEnd(() => server.stop());
  return server;
};
const query = async (url: string, text: string) => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
};

describe('startPostgres', () => {
  it('keeps two homes side by side apart, each with a password of its own', async () => {
    const [a, b] = await Promise.all([start({ dir: tempDir() }), start({ dir: tempDir() })]);
    const [urlA, urlB] = await Promise.all([a.createDatabase('app'), b.createDatabase('app')]);
    await query(urlA, 'create table only_in_a ()');
    expect(await query(urlB, `select to_regclass('only_in_a') as found`)).toEqual([{ found: null }]);
    const crossed = new URL(urlB);
    crossed.password = new URL(urlA).password;
    await expect(query(crossed.href, 'select 1')).rejects.toThrow(/password authentication failed/);
    crossed.password = '';
    await expect(query(crossed.href, 'select 1')).rejects.toThrow(/password/);
  });

  it('finds its data again on the next start', async () => {
    const dir = tempDir();
    const first = await start({ dir });
    await query(await first.createDatabase('app'), 'create table kept as select 42 as answer');
    await first.stop();
    const second = await start({ dir });
    expect(await query(await second.createDatabase('app'), 'select answer from kept')).toEqual([{ answer: 42 }]);
    expect(statSync(join(dir, 'password')).mode & 0o777).toBe(0o600);
  });

  it('listens on loopback alone', async () => {
    const server = await start({ dir: tempDir() });
    expect(await query(server.url(), 'show listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
    expect(await query(server.url(), 'show unix_socket_directories')).toEqual([{ unix_socket_directories: '' }]);
  });

  it('drops a database that is in use', async () => {
    const server = await start({ dir: tempDir() });
    const client = new pg.Client({ connectionString: await server.createDatabase('app') });
    const ended = new Promise((resolve) => client.on('error', resolve));
    await client.connect();
    await server.dropDatabase('app');
    await expect(ended).resolves.toMatchObject({ code: '57P01' });
    await expect(query(server.url('app'), 'select 1')).rejects.toThrow(/does not exist/);
  });

  it('refuses a port that is taken, and says so', async () => {
    const server = await start({ dir: tempDir() });
    await expect(start({ dir: tempDir(), port: server.port })).rejects.toThrow(/PostgreSQL ended at its start/);
  });
});

describe('kill -9 of the process that started everything', () => {
  it('ends PostgreSQL and anvil in order: nothing runs on, nothing is lost', async () => {
    const dir = tempDir();
    const boot = async () => {
      const stack = spawnNode('test/support/fixtures/local-stack.ts', { args: [dir] });
      const [, json = ''] = await stack.waitForLine(/^ready (.*)$/);
      const found: { pids: number[]; chain: string; database: string } = JSON.parse(json);
      return { stack, ...found };
    };
    const first = await boot();
    await query(first.database, 'create table kept as select 42 as answer');
    await rpc(first.chain, 'anvil_mine', ['0x5']);
    await first.stack.killHard();
    for (const pid of first.pids) await untilGone(pid);

    const second = await boot();
    expect(readFileSync(join(dir, 'postgres/postgres.log'), 'utf8')).not.toMatch(/properly shut down/);
    expect(await query(second.database, 'select answer from kept')).toEqual([{ answer: 42 }]);
    expect(await rpc(second.chain, 'eth_blockNumber', [])).toBe('0x5');
    await second.stack.killHard();
    for (const pid of second.pids) await untilGone(pid);
  });
});

async function rpc(url: string, method: string, params: unknown[]): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  return ((await response.json()) as { result: unknown }).result;
}
