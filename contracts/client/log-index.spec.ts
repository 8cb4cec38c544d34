import { randomBytes } from 'node:crypto';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { type Chain, startChain } from '#test/support/chain.js';
import { tempDir } from '#test/support/temp-dir.js';
import { send } from './chain.js';
import { chainProvider } from './chain-provider.js';
import { LogIndex, type LogIndexOptions } from './log-index.js';
import type { EventLog } from './read-logs.js';

describe('an index of logs', () => {
  let chain: Chain;
  let file: string;
  /** A node as the index sees it; `answer` may change what it says, or do something while it says it. */
  let node: ReturnType<typeof chainProvider>;
  let answer: (logs: Awaited<ReturnType<typeof node.getLogs>>) => Promise<typeof logs>;
  const asked: { fromBlock: number; toBlock: number }[] = [];

  beforeAll(async () => {
    chain = await startChain();
    node = chainProvider({ rpcUrl: chain.rpcUrl, chainId: 31_337n });
    const getLogs = node.getLogs.bind(node);
    node.getLogs = async (filter) => {
      const { fromBlock, toBlock } = filter as { fromBlock: number; toBlock: number };
      asked.push({ fromBlock, toBlock });
      return answer(await getLogs(filter));
    };
  });
  afterAll(async () => {
    node?.destroy();
    await chain?.stop();
  });
  beforeEach(() => {
    file = join(tempDir(), 'index', 'events.jsonl');
    answer = async (logs) => logs;
    asked.length = 0;
  });

  const index = (options: Partial<LogIndexOptions> = {}) =>
    new LogIndex({
      provider: node,
      chainId: 31_337n,
      addresses: [chain.deployment.assets, chain.deployment.escrow, chain.deployment.token],
      fromBlock: chain.deployment.blockNumber,
      file,
      ...options,
    });
  const mint = () => send(chain.account(1), chain.assets.mint({ operator: randomBytes(20) }));
  const deposit = (amount: bigint) => chain.fund(chain.account(2), amount);
  const reorg = (depth: number) => chain.provider.send('anvil_reorg', [depth, []]);

  /** What a node that has forgotten nothing says now. */
  async function truth(): Promise<EventLog[]> {
    const { assets, escrow, token, blockNumber } = chain.deployment;
    const logs = await chain.provider.getLogs({ address: [assets, escrow, token], fromBlock: blockNumber });
    return logs.map(({ address, topics, data, blockNumber: at, transactionHash, index: n }) => ({
      address,
      topics,
      data,
      blockNumber: at,
      transactionHash,
      index: n,
    }));
  }

  async function expectTrue(options: Partial<LogIndexOptions> = {}): Promise<void> {
    const { logs, block } = await index(options).read();
    expect(JSON.parse(JSON.stringify(logs))).toEqual(JSON.parse(JSON.stringify(await truth())));
    expect(block).toEqual({
      number: await chain.provider.getBlockNumber(),
      hash: (await chain.provider.getBlock('latest'))!.hash,
    });
  }

  it('reads a block once', async () => {
    await mint();
    await expectTrue();
    const first = await chain.provider.getBlockNumber();
    asked.length = 0;
    await deposit(5n);
    await expectTrue();
    expect(asked.map(({ fromBlock }) => fromBlock)).toEqual([first + 1]);
    asked.length = 0;
    await expectTrue();
    expect(asked).toEqual([]);
  });

  it('keeps nothing that is not deep enough', async () => {
    await mint();
    await mint();
    await expectTrue({ depth: 2 });
    const kept = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => JSON.parse(line).to);
    expect(kept.at(-1)).toBe((await chain.provider.getBlockNumber()) - 2);
    asked.length = 0;
    await expectTrue({ depth: 2 });
    expect(asked.map(({ fromBlock }) => fromBlock)).toEqual([kept.at(-1) + 1]);
  });

  it('follows the chain through reorganisations of every depth', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('mint' as const) }),
      fc.record({ do: fc.constant('deposit' as const) }),
      fc.record({ do: fc.constant('reorg' as const), depth: fc.integer({ min: 1, max: 7 }) }),
      fc.record({ do: fc.constant('read' as const), depth: fc.constantFrom(0, 3) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 14 }), async (steps) => {
        file = join(tempDir(), 'events.jsonl');
        for (const each of steps) {
          if (each.do === 'mint') await mint();
          else if (each.do === 'deposit') await deposit(7n);
          else if (each.do === 'read') await expectTrue({ depth: each.depth });
          else await reorg(Math.min(each.depth, (await chain.provider.getBlockNumber()) - 12));
        }
        await expectTrue();
      }),
      { numRuns: 12 },
    );
  });

  it.each([0, 2])('is not mixed when the chain changes while it is read, at depth %i', async (depth) => {
    for (let i = 0; i < 6; i++) await mint();
    let changed = false;
    answer = async (logs) => {
      if (changed) return logs;
      changed = true;
      await reorg(5);
      await deposit(3n);
      return logs;
    };
    await expectTrue({ depth });
    expect(changed).toBe(true);
    answer = async (logs) => logs;
    await expectTrue({ depth });
  });

  it('gives up on a chain that never rests', async () => {
    await mint();
    let value = 1;
    answer = async (logs) => {
      const [from, to] = [chain.account(4).address, chain.account(5).address];
      await chain.provider.send('anvil_reorg', [1, [[{ from, to, value: `0x${(value++).toString(16)}` }, 0]]]);
      return logs;
    };
    await expect(index().read()).rejects.toMatchObject({ reason: 'CHAIN_UNAVAILABLE' });
  });

  it('T30 is the same when the node tells of each log twice, in another order, and of others', async () => {
    await mint();
    await deposit(9n);
    answer = async (logs) => [...logs].reverse().concat(logs);
    await expectTrue();
  });

  it('asks a node that allows few blocks for few, and one that finds too much for less', async () => {
    await chain.provider.send('anvil_mine', ['0x20']);
    await deposit(4n);
    answer = async (logs) => {
      const { fromBlock, toBlock } = asked.at(-1)!;
      if (toBlock - fromBlock >= 5 || logs.length > 3) throw new Error('query returns more than 3 results');
      return logs;
    };
    await expectTrue();
  });

  it('reads anew what is torn, foreign or written by two at once', async () => {
    await mint();
    await expectTrue();
    const whole = readFileSync(file, 'utf8');
    writeFileSync(file, whole.slice(0, -20));
    await expectTrue();
    appendFileSync(file, whole.split('\n')[1]!);
    await expectTrue();
    expect(readFileSync(file, 'utf8').split('\n').length).toBe(whole.split('\n').length);
    writeFileSync(file, whole.replace('"31337"', '"1"'));
    await expectTrue();
    writeFileSync(file, 'nonsense');
    await expectTrue();
  });
});
