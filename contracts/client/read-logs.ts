import type { Filter, Log, Provider } from 'ethers';
import { isUnreachable } from './chain-provider.js';
import { explain } from './explain.js';

/** What is kept of a log. */
export type EventLog = Pick<Log, 'address' | 'topics' | 'data' | 'blockNumber' | 'transactionHash' | 'index'>;

/** Blocks asked for at once; nodes that allow fewer, or find too much in them, are asked for less. */
const WIDEST = 10_000;

export interface LogRange {
  readonly from: number;
  readonly to: number;
  readonly logs: readonly EventLog[];
}

/** Last block of a question. */
export type LastBlock = number | 'latest';

type Question = Pick<Filter, 'address' | 'topics'>;

/**
 * Logs between two blocks, both included, in the chain's order and each once, range by range, the newest range first if
 * that is wanted. Errors: CHAIN_UNAVAILABLE.
 */
export async function* logRanges(
  provider: Provider,
  filter: Question,
  from: number,
  to: number,
  newestFirst = false,
): AsyncGenerator<LogRange> {
  let width = WIDEST;
  for (let [low, high] = [from, to]; low <= high; ) {
    const at = newestFirst ? Math.max(low, high - width + 1) : low;
    const end = newestFirst ? high : Math.min(high, low + width - 1);
    let logs: EventLog[];
    try {
      logs = inOrder(await provider.getLogs({ ...filter, fromBlock: at, toBlock: end }), at, end);
    } catch (error) {
      if (isUnreachable(error) || at === end) throw explain(error, provider);
      width = Math.max(1, Math.floor((end - at + 1) / 4));
      continue;
    }
    yield { from: at, to: end, logs };
    if (newestFirst) high = at - 1;
    else low = end + 1;
    width = Math.min(WIDEST, width * 2);
  }
}

/** All of them. Errors: CHAIN_UNAVAILABLE. */
export async function readLogs(
  provider: Provider,
  filter: Question,
  from: number,
  to: LastBlock = 'latest',
): Promise<EventLog[]> {
  const all: EventLog[] = [];
  for await (const { logs } of logRanges(provider, filter, from, await numberOf(to, provider))) all.push(...logs);
  return all;
}

/** The newest one since a block, for what happens once: nothing before it is read. Errors: CHAIN_UNAVAILABLE. */
export async function newestLog(provider: Provider, filter: Question, from: number): Promise<EventLog | undefined> {
  for await (const { logs } of logRanges(provider, filter, from, await numberOf('latest', provider), true))
    if (logs.length > 0) return logs.at(-1);
  return undefined;
}

async function numberOf(block: LastBlock, provider: Provider): Promise<number> {
  if (block !== 'latest') return block;
  return await provider.getBlockNumber().catch((error: unknown) => {
    throw explain(error, provider);
  });
}

/** A node may tell of a log twice, in another order, or of one that was not asked for. */
function inOrder(logs: readonly Log[], from: number, to: number): EventLog[] {
  const found = new Map<string, EventLog>();
  for (const { address, topics, data, blockNumber, transactionHash, index, removed } of logs)
    if (!removed && blockNumber >= from && blockNumber <= to)
      found.set(`${blockNumber} ${index}`, { address, topics, data, blockNumber, transactionHash, index });
  return [...found.values()].sort((a, b) => a.blockNumber - b.blockNumber || a.index - b.index);
}
