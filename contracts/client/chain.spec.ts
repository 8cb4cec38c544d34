import { type JsonRpcProvider, type TransactionRequest, Wallet } from 'ethers';
import { type Chain, startChain } from '#test/support/chain.js';
import { startRpcProxy } from '#test/support/rpc-proxy.js';
import { Assets } from './assets.js';
import { mined, send } from './chain.js';
import { chainProvider, orChainError } from './chain-provider.js';
import { readLogs } from './read-logs.js';
import { Votes } from './votes.js';

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

describe('waiting for a transaction', () => {
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

describe('a node that cannot answer now', () => {
  const refuse = (code: number, message: string) => (_: string, answer: string) =>
    JSON.stringify({ ...JSON.parse(answer), result: undefined, error: { code, message } });

  it.each([
    [-32005, 'project ID request rate exceeded'],
    [429, 'Your app has exceeded its compute units capacity'],
    [-32007, '50/second request limit reached'],
    [-32000, 'header not found'],
  ])('is down for now, whatever was asked: %i "%s"', async (code, message) => {
    proxy.distort(refuse(code, message));
    const down = { reason: 'CHAIN_UNAVAILABLE', retryable: true, message: expect.stringContaining('asked too often') };
    const { address } = chain.account(3);
    const asked = [
      new Assets(chain.deployment.assets, node).count(),
      readLogs(node, { address: chain.deployment.escrow }, 0, 5),
      send(chain.account(3).connect(node), chain.token.mint(address, 1n)),
      orChainError(proxy.url, node.getBlock('latest')),
    ];
    for (const each of await Promise.allSettled(asked))
      expect(each).toMatchObject({ status: 'rejected', reason: down });
    expect(proxy.seen.filter((method) => method === 'eth_getLogs').length).toBeLessThanOrEqual(1);
    proxy.seen.length = 0;
  });

  it('says nothing of a transaction that is waited for', async () => {
    let refused = 0;
    proxy.distort((method, answer) =>
      method === 'eth_getTransactionReceipt' && refused++ < 3 ? refuse(-32005, 'rate limit')(method, answer) : answer,
    );
    const who = chain.account(4).connect(node);
    expect((await send(who, chain.token.mint(who.address, 7n))).status).toBe(1);
    expect(refused).toBeGreaterThan(3);
  });
});

describe('sending a transaction', () => {
  it('leaves gas for votes that are counted in a later second than the one the node looked at', async () => {
    const votes = new Votes(chain.deployment.votes, chain.provider);
    const [holder, other] = [chain.account(0), chain.account(1)];
    let estimate = 0n;
    class SlowlyMined extends Wallet {
      override async estimateGas(transaction: TransactionRequest): Promise<bigint> {
        estimate = await super.estimateGas(transaction);
        await chain.advance(1);
        return estimate;
      }
    }
    const slowly = new SlowlyMined(holder.privateKey, chain.provider);
    // Both have a count each, so that what is estimated in the same second writes over two of them.
    for (let used = 0n; used <= estimate; ) {
      await send(holder, votes.delegate(other.address));
      await send(holder, votes.delegate(holder.address));
      used = (await send(slowly, votes.delegate(other.address))).gasUsed;
    }
    expect(await votes.votesOf(other.address)).toBe(await votes.balanceOf(holder.address));
  });

  it('says which transaction reverted after it was mined, and why where the node can tell', async () => {
    const who = chain.account(2).connect(chain.provider);
    class Hasty extends Wallet {
      override async estimateGas(): Promise<bigint> {
        return 40_000n;
      }
    }
    const hasty = new Hasty(chain.account(2).privateKey, chain.provider);
    const { token } = chain;
    await expect(send(hasty, token.transfer(who.address, 10n ** 30n))).rejects.toMatchObject({
      reason: 'FUNDS_TOO_LOW',
    });
    await expect(send(hasty, chain.assets.mint())).rejects.toMatchObject({
      reason: 'TRANSACTION_REVERTED',
      message: expect.stringMatching(/^transaction 0x[0-9a-f]{64} reverted, perhaps for lack of gas$/),
    });
  });
});
