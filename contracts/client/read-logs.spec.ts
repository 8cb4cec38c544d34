import { randomBytes } from 'node:crypto';
import type { JsonRpcProvider } from 'ethers';
import { type Chain, startChain } from '#test/support/chain.js';
import { fundJob } from '#test/support/jobs.js';
import { startRpcProxy } from '#test/support/rpc-proxy.js';
import { mintedAsset } from './assets.js';
import { send } from './chain.js';
import { chainProvider } from './chain-provider.js';
import { Governor } from './governor.js';
import { Jobs } from './jobs.js';
import { type LicenceOffer, Licences } from './licences.js';
import { newestLog } from './read-logs.js';

describe('a node that tells of 100 blocks at once and no more', () => {
  const LIMIT = 100;
  let chain: Chain;
  let node: JsonRpcProvider;
  let asset: bigint;
  /** Ranges that it was asked for and answered. */
  const answered: { from: number; to: number }[] = [];

  beforeAll(async () => {
    chain = await startChain();
    const proxy = await startRpcProxy(chain.rpcUrl);
    proxy.distort((method, answer, [filter]) => {
      if (method !== 'eth_getLogs') return answer;
      const { fromBlock, toBlock } = filter as { fromBlock: string; toBlock: string };
      const [from, to] = [Number(fromBlock), toBlock === 'latest' ? Number.POSITIVE_INFINITY : Number(toBlock)];
      if (to - from < LIMIT) {
        answered.push({ from, to });
        return answer;
      }
      const { id } = JSON.parse(answer) as { id: number };
      return JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32_005, message: 'the range is too wide' } });
    });
    node = chainProvider({ rpcUrl: proxy.url, chainId: 31_337n });
    const operator = chain.account(3).address;
    asset = mintedAsset(await send(chain.account(1), chain.assets.mint({ operator })), chain.deployment.assets);
  });
  afterAll(async () => {
    node?.destroy();
    await chain?.stop();
  });
  beforeEach(() => {
    answered.length = 0;
  });

  const pass = (price: bigint): LicenceOffer => ({
    asset,
    tenure: 1,
    kind: 'pass',
    price,
    spanSec: 0,
    exclusive: false,
    transferable: false,
    calls: 5n,
    salt: 1n,
    refundable: false,
    revocable: false,
  });

  test('still tells all: what became of a job, every offer of licences, every proposal', async () => {
    const { deployment } = chain;
    const order = { asset, tenure: 1, amount: 100n };
    const { jobId, client } = await fundJob(chain, chain.account(4), [order, order]);
    await send(chain.account(1), chain.licences.offer(pass(1n)));
    await chain.provider.send('anvil_mine', ['0x3e8']);
    const deliverable = randomBytes(32);
    for (const step of [0, 1]) await send(chain.account(3), chain.jobs.submit(jobId, step, deliverable));
    await chain.provider.send('anvil_mine', ['0x3e8']);
    await send(client, chain.jobs.completeInPart(jobId, 0, deliverable, 30n));
    await send(client, chain.jobs.complete(jobId, 1, deliverable));
    await send(chain.account(1), chain.licences.offer(pass(2n)));
    await chain.provider.send('anvil_mine', ['0x3e8']);

    const jobs = new Jobs(chain.jobs.address, node);
    const events = await jobs.events(deployment.blockNumber, 'latest', jobId);
    expect(events).toEqual(await chain.jobs.events(deployment.blockNumber, 'latest', jobId));
    expect(events.map(({ name }) => name)).toEqual([
      'JobFunded',
      'JobSubmitted',
      'JobSubmitted',
      'JobCompleted',
      'Refunded',
      'PaymentReleased',
      'JobCompleted',
      'PaymentReleased',
    ]);
    expect(await Promise.all([0, 1].map((step) => jobs.paidFor(jobId, step, deployment.blockNumber)))).toEqual([
      30n,
      100n,
    ]);
    const licences = new Licences(chain.licences.address, node);
    expect((await licences.offersOf(asset, 0)).map(({ offer }) => offer.price)).toEqual([1n, 2n]);
    expect(await licences.endOf(randomBytes(32), 0)).toBeUndefined();
    expect(await new Governor(deployment.governor, node).proposals(0)).toEqual([]);
  });

  test('is asked for the newest blocks first, and for no more, where one log is enough', async () => {
    const { blockNumber } = await send(chain.account(1), chain.assets.mint({ operator: chain.account(3).address }));
    await chain.provider.send('anvil_mine', ['0x12c']);
    const found = await newestLog(node, { address: chain.deployment.assets }, 0);
    expect(found).toMatchObject({ blockNumber });
    expect(Math.min(...answered.map(({ from }) => from))).toBeGreaterThan(blockNumber - LIMIT);
    expect(await newestLog(node, { address: chain.deployment.assets }, blockNumber + 1)).toBeUndefined();
    expect(await newestLog(node, { address: chain.deployment.assets }, blockNumber + 1_000)).toBeUndefined();
  });
});
