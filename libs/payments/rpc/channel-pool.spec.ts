import type { Client } from '@grpc/grpc-js';
import { expect, jest, test } from '@jest/globals';
import { startGrpcApp } from '#platform/grpc/start-grpc-app.js';
import { HealthDefinition } from '#protos/grpc/health/v1/health.js';
import { onEnd } from '#test/support/on-end.js';
import { ChannelPool } from './channel-pool.js';
import { connect } from './connect.js';
import { typedClient } from './typed-client.js';

class Nothing {}

const startService = async () => {
  const app = await startGrpcApp({ module: { module: Nothing }, definitions: [], graceMs: 0 });
  onEnd(() => app.close());
  return app;
};

const check = async (client: Client) =>
  typedClient(HealthDefinition, client, { deadlineMs: 2_000 }).check({ service: '' });

const poolOf = (addressOf: () => string, reopenMs: number) => {
  const open = jest.fn(() => connect(addressOf()));
  const pool = new ChannelPool(open, reopenMs);
  onEnd(() => pool.close());
  return { pool, open };
};

test('a channel is opened once and kept', async () => {
  const { address } = await startService();
  const { pool, open } = poolOf(() => address, 0);
  await check(await pool.client('name:1'));
  expect(await pool.client('name:1')).toBe(await pool.client('name:1'));
  expect(open).toHaveBeenCalledTimes(1);
});

test('a service that has moved to another address is found there', async () => {
  const first = await startService();
  const second = await startService();
  let address = first.address;
  const { pool, open } = poolOf(() => address, 0);
  await check(await pool.client('name:1'));
  await first.close();
  address = second.address;
  await expect(check(await pool.client('name:1'))).rejects.toMatchObject({ reason: 'SERVICE_UNAVAILABLE' });
  await expect(check(await pool.client('name:1'))).resolves.toBeDefined();
  expect(open).toHaveBeenCalledTimes(2);
});

test('a service that is away is not looked for with every call', async () => {
  const { address, close } = await startService();
  await close();
  const { pool, open } = poolOf(() => address, 60_000);
  for (let i = 0; i < 3; i++)
    await expect(check(await pool.client('name:1'))).rejects.toMatchObject({ reason: 'SERVICE_UNAVAILABLE' });
  expect(open).toHaveBeenCalledTimes(1);
});

test('a refusal is not remembered', async () => {
  const { address } = await startService();
  const open = jest
    .fn<() => Promise<Client>>()
    .mockRejectedValueOnce(new Error('no'))
    .mockImplementation(async () => connect(address));
  const pool = new ChannelPool(open);
  onEnd(() => pool.close());
  await expect(pool.client('name:1')).rejects.toThrow('no');
  await check(await pool.client('name:1'));
});
