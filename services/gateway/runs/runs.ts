import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowExecutionInfo,
  WorkflowFailedError,
  type WorkflowHandle,
} from '@temporalio/client';
import { WeftError } from '#core/errors.js';
import { parseAmount } from '#core/money.js';
import { runMemo } from '#core/run-memo.js';
import { type Progress, progressQuery } from '#workflows/runtime/progress.js';
import type { ServerEvent } from '../http/event-stream.js';
import { may } from '../keys/authenticate.js';
import type { ApiKey } from '../keys/key-store.js';
import type { Pipelines } from './pipeline.js';
import { runError, temporalError } from './run-error.js';
import type { ListRuns, RunStatus, RunSummary, RunView, StartRun } from './run-views.js';
import { wireValue } from './wire-value.js';

export interface RunsOptions {
  readonly client: Client;
  readonly pipelines: Pipelines;
  readonly taskQueue: string;
  /** Named when Temporal does not answer. */
  readonly address: string;
}

/** Stands at every run, readable without its worker: decides whose it is. */
interface RunMemo {
  readonly owner: string;
  readonly pipeline: string;
  /** Of the request that started it. */
  readonly requestSha256: string;
}

/** What listing and describing have in common. */
type RunInfo = Omit<WorkflowExecutionInfo, 'raw'>;

const DEADLINE_MS = 5_000;
/** How often a running pipeline is asked how far it is, while somebody watches. */
const POLL_MS = 200;
/** How often the steps of a run that has ended are asked for, should its worker be away. */
const LAST_TRIES = 3;
/** Between looks at a Temporal that is away. */
const AWAY_MS = 1_000;

/** Runs of pipelines: workflows whose memo names the key that started them. Only that key, and admins, reach them. */
export class Runs {
  constructor(private readonly options: RunsOptions) {}

  /** `key`: chosen by the caller; starting again with it gives the run that it started. */
  async start(caller: ApiKey, request: StartRun, key?: string): Promise<RunSummary> {
    const { client, pipelines, taskQueue } = this.options;
    const pipeline = pipelines.get(request.pipeline);
    const input = pipelines.input(pipeline, request.input);
    const requestSha256 = createHash('sha256').update(JSON.stringify(request)).digest('hex');
    const workflowId = `${caller.name}.${key ?? randomBytes(10).toString('hex')}`;
    const memo: RunMemo = { owner: caller.name, pipeline: pipeline.name, requestSha256 };
    try {
      await this.ask(() =>
        client.workflow.start(pipeline.workflowType, {
          taskQueue,
          workflowId,
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          args: [input],
          memo: { ...memo, ...runMemo(parseAmount(request.maxTotal, 'maxTotal'), request.licences) },
        }),
      );
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      const before = await this.describe(caller, workflowId);
      if ((before.memo as Partial<RunMemo> | undefined)?.requestSha256 !== requestSha256)
        throw new WeftError('INVALID_INPUT', 'Idempotency-Key: it stands for another request already', {
          field: 'Idempotency-Key',
        });
      return summaryOf(before);
    }
    return summaryOf(await this.describe(caller, workflowId));
  }

  /** Newest first. An admin sees everybody's. */
  async list(caller: ApiKey, { limit, beforeSec }: ListRuns): Promise<RunSummary[]> {
    const conditions = [
      // A name has no character that the query language knows.
      ...(may(caller, 'admin') ? [] : [`WorkflowId STARTS_WITH "${caller.name}."`]),
      ...(beforeSec === undefined ? [] : [`StartTime < "${new Date(beforeSec * 1000).toISOString()}"`]),
    ];
    return this.ask(async () => {
      const found: RunSummary[] = [];
      const pages = this.options.client.workflow.list({ pageSize: limit, query: conditions.join(' AND ') });
      for await (const info of pages) {
        if (mayTouch(caller, info)) found.push(summaryOf(info));
        if (found.length >= limit) break;
      }
      return found;
    });
  }

  async get(caller: ApiKey, id: string): Promise<RunView> {
    const info = await this.describe(caller, id);
    return this.view(info, await this.progress(id));
  }

  async cancel(caller: ApiKey, id: string): Promise<void> {
    await this.describe(caller, id);
    await this.ask(() => this.handle(id).cancel());
  }

  /**
   * A `step` for each step that has ended (also those that ended before), then `end` with the whole run. Resolves
   * once it is certain that the caller may watch the run.
   */
  async follow(caller: ApiKey, id: string, signal: AbortSignal): Promise<AsyncIterable<ServerEvent>> {
    await this.describe(caller, id);
    return this.events(caller, id, await this.progress(id), signal);
  }

  private async *events(
    caller: ApiKey,
    id: string,
    before: Progress,
    signal: AbortSignal,
  ): AsyncGenerator<ServerEvent> {
    const ended = this.ended(id, signal);
    const told = new Set<string>();
    let progress = before;
    for (let isOver = false; !signal.aborted; ) {
      for (const step of progress.steps) {
        const name = `${step.segment} ${step.step} ${step.n}`;
        if (step.status === 'running' || told.has(name)) continue;
        told.add(name);
        yield { event: 'step', data: step };
      }
      if (isOver) {
        yield { event: 'end', data: await this.view(await this.describe(caller, id), progress) };
        return;
      }
      isOver = await Promise.race([ended, delay(POLL_MS, false)]);
      progress = await this.progressAgain(id, progress, isOver ? LAST_TRIES : 1);
    }
  }

  /** True at the run's end, or when nobody watches any more. A Temporal that is away for a while ends nothing. */
  private async ended(id: string, signal: AbortSignal): Promise<true> {
    const { client } = this.options;
    while (!signal.aborted) {
      try {
        await client.withAbortSignal(signal, () => this.handle(id).result());
        return true;
      } catch (error) {
        if (error instanceof WorkflowFailedError) return true;
        await delay(AWAY_MS, undefined, { signal }).catch(() => {});
      }
    }
    return true;
  }

  /** While the worker is away or being replaced: what was known last. */
  private async progressAgain(id: string, last: Progress, tries: number): Promise<Progress> {
    try {
      return await this.progress(id);
    } catch (error) {
      if (!(error instanceof WeftError) || !error.retryable) throw error;
      return tries > 1 ? this.progressAgain(id, last, tries - 1) : last;
    }
  }

  private async view(info: RunInfo, progress: Progress): Promise<RunView> {
    const summary = summaryOf(info);
    const { quote, paid, earlier, steps } = progress;
    const soFar = {
      ...summary,
      ...(quote === undefined ? {} : { quote: quote.total }),
      paid,
      ...(earlier === undefined ? {} : { earlier }),
      steps: [...steps],
    };
    if (summary.status === 'running') return soFar;
    try {
      return { ...soFar, output: wireValue(await this.handle(info.workflowId).result()) };
    } catch (thrown) {
      const { reason, message, details } = runError(thrown);
      return { ...soFar, error: { reason, message, details: { ...details } } };
    }
  }

  private progress(id: string): Promise<Progress> {
    return this.ask(() => this.handle(id).query(progressQuery));
  }

  /** Throws PERMISSION_DENIED for runs of others, and for workflows that are no runs. */
  private async describe(caller: ApiKey, id: string): Promise<RunInfo> {
    const info = await this.ask(() => this.handle(id).describe());
    if (!mayTouch(caller, info))
      throw new WeftError('PERMISSION_DENIED', 'this run belongs to another key', { field: 'id' });
    return info;
  }

  private handle(id: string): WorkflowHandle {
    return this.options.client.workflow.getHandle(id);
  }

  private async ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await this.options.client.withDeadline(Date.now() + DEADLINE_MS, question);
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) throw error;
      throw temporalError(error, this.options.address);
    }
  }
}

const memoOf = (info: RunInfo): Partial<RunMemo> => (info.memo ?? {}) as Partial<RunMemo>;

/** The memo decides, not the id: whoever starts workflows past the gateway may give them any id. */
function mayTouch(caller: ApiKey, info: RunInfo): boolean {
  const { owner, pipeline } = memoOf(info);
  return typeof owner === 'string' && typeof pipeline === 'string' && (owner === caller.name || may(caller, 'admin'));
}

const statusNames: Readonly<Record<string, RunStatus>> = {
  COMPLETED: 'completed',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  TERMINATED: 'terminated',
  TIMED_OUT: 'timed-out',
};

const toSec = (time: Date): number => Math.floor(time.getTime() / 1000);

function summaryOf(info: RunInfo): RunSummary {
  const { owner = '', pipeline = '' } = memoOf(info);
  return {
    runId: info.workflowId,
    pipeline,
    owner,
    status: statusNames[info.status.name] ?? 'running',
    startedAtSec: toSec(info.startTime),
    ...(info.closeTime === undefined ? {} : { endedAtSec: toSec(info.closeTime) }),
  };
}
