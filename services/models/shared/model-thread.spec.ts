import { describe, expect, it } from '@jest/globals';
import { ModelThread } from './model-thread.js';

type Calls = {
  double: (n: number) => Promise<number>;
  fail: (text: string) => Promise<never>;
  die: (input: undefined) => Promise<never>;
};

const source = `
import { parentPort } from 'node:worker_threads';
const handlers = {
  double: async (n) => n * 2,
  fail: async (text) => { throw new Error(text); },
  die: () => process.exit(3),
};
parentPort.on('message', async ({ id, method, input }) => {
  try { parentPort.postMessage({ id, output: await handlers[method](input) }); }
  catch (error) { parentPort.postMessage({ id, error }); }
});`;

const thread = () => new ModelThread<Calls>(new URL(`data:text/javascript,${encodeURIComponent(source)}`));

describe('ModelThread', () => {
  it('answers each call with its own result', async () => {
    const each = thread();
    await expect(Promise.all([1, 2, 3].map((n) => each.call('double', n)))).resolves.toEqual([2, 4, 6]);
  });

  it('hands over what a handler throws', async () => {
    await expect(thread().call('fail', 'broken model')).rejects.toMatchObject({ message: 'broken model' });
  });

  it('fails calls in flight when the thread dies, and serves the next one in a new thread', async () => {
    const each = thread();
    const lost = [each.call('die', undefined), each.call('double', 4)];
    for (const call of lost)
      await expect(call).rejects.toMatchObject({ reason: 'SERVICE_UNAVAILABLE', retryable: true });
    await expect(each.call('double', 5)).resolves.toBe(10);
  });
});
