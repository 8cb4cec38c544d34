import type { Filter, JsonRpcProvider, Log } from 'ethers';
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

/** Logs between two blocks, both included, in the chain's order and each once, range by range. Errors: CHAIN_UNAVAILABLE. */
export async function* logRanges(
  provider: JsonRpcProvider,
  filter: Pick<Filter, 'address' | 'topics'>,
  from: number,
  to: number,
): AsyncGenerator<LogRange> {
  let width = WIDEST;
  for (let at = from; at <= to; ) {
    const end = Math.min(to, at + width - 1);
    let logs: EventLog[];
    try {
      logs = inOrder(await provider.getLogs({ ...filter, fromBlock: at, toBlock: end }), at, end);
    } catch (error) {
      if (isUnreachable(error) || at === end) throw explain(error, provider);
      width = Math.max(1, Math.floor((end - at + 1) / 4));
      continue;
    }
    yield { from: at, to: end, logs };
    at = end + 1;
    width = Math.min(WIDEST, width * 2);
  }
}

export async function readLogs(...question: Parameters<typeof logRanges>): Promise<EventLog[]> {
  const all: EventLog[] = [];
  for await (const { logs } of logRanges(...question)) all.push(...logs);
  return all;
}

/** A node may tell of a log twice, in another order, or of one that was not asked for. */
function inOrder(logs: readonly Log[], from: number, to: number): EventLog[] {
  const found = new Map<string, EventLog>();
  for (const { address, topics, data, blockNumber, transactionHash, index, removed } of logs)
    if (!removed && blockNumber >= from && blockNumber <= to)
      found.set(`${blockNumber} ${index}`, { address, topics, data, blockNumber, transactionHash, index });
  return [...found.values()].sort((a, b) => a.blockNumber - b.blockNumber || a.index - b.index);
}
