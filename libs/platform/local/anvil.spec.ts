import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { onEnd } from '#test/support/on-end.js';
import { tempDir } from '#test/support/temp-dir.js';
import { type AnvilOptions, startAnvil } from './anvil.js';

const start = async (options: AnvilOptions = {}) => {
  const chain = await startAnvil(options);
  onEnd(() => chain.stop());
  return chain;
};
async function rpc(url: string, method: string, ...params: unknown[]): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  return ((await response.json()) as { result: unknown }).result;
}

describe('startAnvil', () => {
  it('runs chains side by side', async () => {
    const [a, b] = await Promise.all([start(), start({ chainId: 5 })]);
    await rpc(a.url, 'anvil_mine', '0x3');
    expect(await rpc(a.url, 'eth_blockNumber')).toBe('0x3');
    expect(await rpc(b.url, 'eth_blockNumber')).toBe('0x0');
    expect([await rpc(a.url, 'eth_chainId'), await rpc(b.url, 'eth_chainId')]).toEqual(['0x7a69', '0x5']);
  });

  it('keeps the chain, with its receipts, over a stop', async () => {
    const stateFile = join(tempDir(), 'chain/state.json');
    const first = await start({ stateFile });
    const [from, to] = (await rpc(first.url, 'eth_accounts')) as string[];
    const hash = await rpc(first.url, 'eth_sendTransaction', { from, to, value: '0x1' });
    // The hash is answered before the block is made.
    while ((await rpc(first.url, 'eth_getTransactionReceipt', hash)) === null);
    await first.stop();
    const second = await start({ stateFile });
    expect(await rpc(second.url, 'eth_getTransactionReceipt', hash)).toMatchObject({
      status: '0x1',
      blockNumber: '0x1',
    });
    expect(await rpc(second.url, 'eth_getTransactionCount', from, 'latest')).toBe('0x1');
  });

  it('goes back to the last good start when a kill tore its file', async () => {
    const stateFile = join(tempDir(), 'state.json');
    const first = await start({ stateFile });
    await rpc(first.url, 'anvil_mine', '0x4');
    await first.stop();
    await (await start({ stateFile })).stop();
    writeFileSync(stateFile, readFileSync(stateFile, 'utf8').slice(0, 1_000));
    const told: string[] = [];
    const chain = await start({ stateFile, onProgress: (line) => told.push(line) });
    expect(await rpc(chain.url, 'eth_blockNumber')).toBe('0x4');
    expect(told).toEqual([expect.stringContaining('is torn')]);
    expect(existsSync(`${stateFile}.torn`)).toBe(true);
  });

  it('says when a port is taken', async () => {
    const { port } = await start();
    await expect(start({ port, chainId: 6 })).rejects.toThrow(/anvil ended at its start.*in use/s);
  });
});
