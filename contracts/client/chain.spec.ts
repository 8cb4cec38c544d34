import type { JsonRpcProvider } from 'ethers';
import { type Chain, startChain } from '#test/support/chain.js';
import { startRpcProxy } from '#test/support/rpc-proxy.js';
import { mined, send } from './chain.js';
import { chainProvider } from './chain-provider.js';

describe('waiting for a transaction', () => {
  let chain: Chain;
  let proxy: Awaited<ReturnType<typeof startRpcProxy>>;
  let node: JsonRpcProvider;
  beforeAll(async () => {
    chain = await startChain();
    proxy = await startRpcProxy(chain.rpcUrl);
    node = chainProvider({ rpcUrl: proxy.url, chainId: chain.deployment.chainId });
  });
  afterAll(async () => {
    node?.destroy();
    await chain?.stop();
  });

  it('goes on where the node counts the nonce as used and has no receipt yet', async () => {
    let withheld = 3;
    proxy.distort((method, answer) => {
      if (method !== 'eth_getTransactionReceipt' || withheld-- <= 0) return answer;
      return JSON.stringify({ ...JSON.parse(answer), result: null });
    });
    const who = chain.account(4).connect(node);
    const receipt = await send(who, chain.token.mint(who.address, 7n));
    expect(receipt.status).toBe(1);
    expect(withheld).toBeLessThan(0);
    expect(await chain.token.balanceOf(who.address)).toBe(7n);
  });

  it('ends when another transaction of the key has taken the nonce for good', async () => {
    proxy.distort((_, answer) => answer);
    const who = chain.account(5).connect(node);
    await chain.provider.send('evm_setAutomine', [false]);
    const nonce = await who.getNonce();
    const first = await who.sendTransaction({ ...chain.token.mint(who.address, 1n), nonce, gasLimit: 100_000n });
    await who.sendTransaction({
      ...chain.token.mint(who.address, 2n),
      nonce,
      gasLimit: 100_000n,
      maxFeePerGas: first.maxFeePerGas! * 3n,
      maxPriorityFeePerGas: first.maxPriorityFeePerGas! * 3n,
    });
    await chain.provider.send('evm_setAutomine', [true]);
    await chain.provider.send('anvil_mine', ['0x1']);
    await expect(mined(first)).rejects.toMatchObject({
      reason: 'TRANSACTION_REVERTED',
      details: { transaction: first.hash },
    });
    expect(await chain.token.balanceOf(who.address)).toBe(2n);
  });
});
