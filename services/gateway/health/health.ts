import type { Client } from '@temporalio/client';
import type { Market } from '#client/select.js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';

export interface HealthParts {
  readonly market: Market;
  readonly temporal: Client;
  readonly taskQueue: string;
  /** "host:port" or "grpc(s)://host:port" of our own servers. */
  readonly registry: string;
  readonly wallet: string;
  readonly rpcUrl: string;
}

export interface PartHealth {
  readonly name: 'registry' | 'wallet' | 'temporal' | 'worker' | 'chain';
  readonly up: boolean;
  readonly latencyMs: number;
  /** What is wrong. */
  readonly message?: string;
}

export interface ServiceHealth {
  readonly listing: string;
  readonly asset: string;
  readonly service: string;
  readonly up: boolean;
  readonly latencyMs: number;
}

export interface HealthReport {
  /** Every part is up; single services may be down. */
  readonly ok: boolean;
  readonly parts: readonly PartHealth[];
  readonly services: readonly ServiceHealth[];
}

const DEADLINE_MS = 3_000;
const KEPT_MS = 2_000;
const MAX_SERVICES = 100;
/** Of Temporal's task queue types. */
const WORKFLOW_TASKS = 1;

/** Asks every part of the marketplace whether it works. Asked often, it answers from what it just saw. */
export class Health {
  private last: { readonly atMs: number; readonly report: Promise<HealthReport> } | undefined;

  constructor(private readonly parts: HealthParts) {}

  report(): Promise<HealthReport> {
    const nowMs = Date.now();
    if (this.last === undefined || nowMs - this.last.atMs > KEPT_MS) this.last = { atMs: nowMs, report: this.look() };
    return this.last.report;
  }

  private async look(): Promise<HealthReport> {
    const { market, registry, wallet } = this.parts;
    const [services, ...parts] = await Promise.all([
      this.services(),
      part('registry', () => market.measure(endpointOf(registry))),
      part('wallet', () => market.measure(endpointOf(wallet))),
      part('temporal', () => this.temporal()),
      part('worker', () => this.worker()),
      part('chain', () => this.chain()),
    ]);
    return { ok: parts.every(({ up }) => up), parts, services };
  }

  private async services(): Promise<ServiceHealth[]> {
    const { directory } = this.parts.market;
    const { records } = await directory.page({}).catch(() => ({ records: [] }));
    return Promise.all(
      records.slice(0, MAX_SERVICES).map(async ({ digest, listing, service }) => {
        const [endpoint = ''] = listing.endpoints;
        const { up, latencyMs } = await timed(() => this.parts.market.measure(endpoint));
        return { listing: toHex(digest), asset: String(listing.asset), service, up, latencyMs };
      }),
    );
  }

  private temporal(): Promise<unknown> {
    const { temporal } = this.parts;
    const { namespace } = temporal.options;
    return temporal.withDeadline(Date.now() + DEADLINE_MS, () =>
      temporal.connection.workflowService.describeNamespace({ namespace }),
    );
  }

  /** Temporal knows who has asked for work lately. */
  private async worker(): Promise<void> {
    const { temporal, taskQueue } = this.parts;
    const { namespace } = temporal.options;
    const queue = { namespace, taskQueue: { name: taskQueue }, taskQueueType: WORKFLOW_TASKS };
    const { pollers } = await temporal.withDeadline(Date.now() + DEADLINE_MS, () =>
      temporal.connection.workflowService.describeTaskQueue(queue),
    );
    if (!pollers?.length)
      throw new WeftError('SERVICE_UNAVAILABLE', `no worker has asked for work in task queue "${taskQueue}" lately`);
  }

  private async chain(): Promise<void> {
    const answer = await fetch(this.parts.rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}',
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    const { result } = (await answer.json()) as { result?: unknown };
    if (typeof result !== 'string') throw new WeftError('CHAIN_UNAVAILABLE', 'the chain tells no block number');
  }
}

const endpointOf = (address: string): string => (address.includes('://') ? address : `grpc://${address}`);

async function part(name: PartHealth['name'], look: () => Promise<unknown>): Promise<PartHealth> {
  const { up, latencyMs, error } = await timed(look);
  if (up) return { name, up, latencyMs };
  const message = error instanceof WeftError ? error.message : 'it does not answer';
  return { name, up, latencyMs, message };
}

async function timed(look: () => Promise<unknown>): Promise<{ up: boolean; latencyMs: number; error?: unknown }> {
  const startedAtMs = performance.now();
  const latency = () => Math.round(performance.now() - startedAtMs);
  try {
    await look();
    return { up: true, latencyMs: latency() };
  } catch (error) {
    return { up: false, latencyMs: latency(), error };
  }
}
