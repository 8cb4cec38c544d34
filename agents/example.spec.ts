import { startEchoMarket } from '#test/support/echo-market.js';
import { onEnd } from '#test/support/on-end.js';
import { startPaidModel } from '#test/support/paid-models.js';
import { spawnNode } from '#test/support/spawn-node.js';

test('T38 the example agent finds text recognition, reads a scan, and is stopped by the wallet', async () => {
  const market = await startEchoMarket();
  onEnd(() => market.stop());
  await startPaidModel(market, 'ocr');
  const tokens = async () => (await market.admin.tokens()).filter(({ name }) => name.startsWith('agent-'));

  const example = spawnNode('examples/agent-reads-a-scan.ts', { env: { WEFT_HOME: market.home } });
  const { code } = await example.exited;
  const out = example.lines.join('\n');
  if (code !== 0) throw new Error(out);
  expect(out).toContain('I may not read it again. It says: ');
  expect(out).toMatch(/invoice/i);
  const [channel] = await market.wallet.channels();
  expect(channel?.settled).toBe(5_000n);
  expect(await tokens()).toEqual([expect.objectContaining({ spent: 5_000n, revoked: true })]);
}, 120_000);
