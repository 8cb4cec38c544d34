import {
  CancellationScope,
  defaultPayloadConverter,
  type Headers,
  log,
  proxyActivities,
  proxyLocalActivities,
  workflowInfo,
} from '@temporalio/workflow';
import { WeftError } from '#core/errors.js';
import { formatAmount, minAmount, parseAmount } from '#core/money.js';
import type { Requirement } from '#core/requirement.js';
import { type RunTerms, readRunMemo } from '#core/run-memo.js';
import type { RunActivities, RunQuote } from './activities.js';
import { asFailure, reasonOf, refusal } from './failure.js';
import type { EarlierSteps, Progress } from './progress.js';
import { type Step, Steps } from './steps.js';

const HEADER = 'weft-run';

/** What a run hands to its continuation and to its children, so that call ids stay what they are (PROTOCOL section 2). */
interface Handover {
  /** The run's key without its segment. */
  readonly base: string;
  /** Counts continuations. */
  readonly segment: number;
  readonly quote?: RunQuote;
  /** What the segments before have done. */
  readonly earlier?: EarlierSteps;
  /** Set for children: whoever opened the quote closes it. */
  readonly borrowed?: boolean;
}

const { openQuote } = proxyActivities<RunActivities>({
  startToCloseTimeout: '90s',
  scheduleToCloseTimeout: '10 minutes',
  heartbeatTimeout: '10s',
  retry: { initialInterval: '500ms', maximumInterval: '20s' },
  summary: 'quote',
});
const { closeQuote } = proxyLocalActivities<RunActivities>({
  startToCloseTimeout: '5s',
  retry: { initialInterval: '200ms', maximumAttempts: 3 },
});

/** What one workflow execution knows of its payments. There is one in each workflow's sandbox. */
export class Run {
  readonly #origin: Handover;
  readonly #steps: Steps;
  #children = 0;
  #quote: RunQuote | undefined;
  #quoting: Promise<RunQuote> | undefined;

  constructor(headers: Headers) {
    const { namespace, workflowId, firstExecutionRunId } = workflowInfo();
    const given = headers[HEADER];
    this.#origin =
      given === undefined
        ? { base: `${namespace}/${workflowId}/${firstExecutionRunId}`, segment: 0 }
        : defaultPayloadConverter.fromPayload<Handover>(given);
    this.#quote = this.#origin.quote;
    this.#steps = new Steps(this.#origin.segment, this.#origin.earlier);
  }

  /** The same after a retry, a reset or a replay; another for every wanted run. */
  get key(): string {
    return `${this.#origin.base}/${this.#origin.segment}`;
  }

  get progress(): Progress {
    return { ...this.#handed(), ...this.#steps.progress };
  }

  /** The run's quote; opened by the first who asks, whatever the others would have asked for. */
  async quote(requirements: readonly Requirement[], maxTotal?: string): Promise<RunQuote> {
    if (this.#quote !== undefined) return this.#quote;
    this.#quoting ??= this.#open(requirements, maxTotal);
    try {
      this.#quote = await this.#quoting;
      return this.#quote;
    } catch (error) {
      this.#quoting = undefined;
      throw error;
    }
  }

  begin(step: string, method: string): Step {
    return this.#steps.begin(step, method);
  }

  /** The header of a child. A run with a limit, or licences, shares its quote, so that they hold for both together. */
  async forChild(requirements: readonly Requirement[]): Promise<Headers> {
    const base = `${this.key}/${this.#children++}`;
    const { maxTotal, licences } = termsOf();
    if (requirements.length > 0 && (maxTotal !== undefined || licences.length > 0)) await this.quote(requirements);
    return header({ base, segment: 0, ...this.#handed(), borrowed: this.#quote !== undefined });
  }

  /** The header of the continuation: one segment on, under the same quote. */
  forContinuation(): Headers {
    const segment = this.#origin.segment + 1;
    return header({ ...this.#origin, ...this.#handed(), segment, earlier: this.#steps.all });
  }

  /** Frees what was not spent. A failure is only logged: the quote then ends by itself when it expires. */
  async close(): Promise<void> {
    const quote = this.#quote;
    if (quote === undefined || this.#origin.borrowed) return;
    await CancellationScope.nonCancellable(() => closeQuote(quote.quoteId)).catch((error: unknown) => {
      log.warn('the quote could not be closed', { quoteId: quote.quoteId, reason: reasonOf(error) });
    });
  }

  async #open(requirements: readonly Requirement[], maxTotal: string | undefined): Promise<RunQuote> {
    if (workflowInfo().cronSchedule)
      throw refusal('INVALID_INPUT', 'a cron workflow would repeat its call ids: use a schedule', {
        field: 'cronSchedule',
      });
    const allowed = termsOf();
    const limit = smaller(amount(maxTotal, 'maxTotal'), allowed.maxTotal);
    return openQuote({
      runKey: this.key,
      requirements,
      ...(limit === undefined ? {} : { maxTotal: formatAmount(limit) }),
      ...(allowed.licences.length === 0 ? {} : { licences: allowed.licences }),
    });
  }

  #handed(): { quote?: RunQuote } {
    return this.#quote === undefined ? {} : { quote: this.#quote };
  }
}

let running: Run | undefined;

/** Called once, by the interceptor, before the workflow's own code runs. */
export function startRun(headers: Headers): Run {
  running = new Run(headers);
  return running;
}

export function currentRun(): Run {
  if (running === undefined)
    throw refusal('CONFIG_INVALID', 'this worker cannot pay: run the workflow with "weft worker FILE" or runWorker()');
  return running;
}

const header = (handover: Handover): Headers => ({ [HEADER]: defaultPayloadConverter.toPayload(handover) });

/** What whoever started the run allows. */
const termsOf = (): RunTerms => clear(() => readRunMemo(workflowInfo().memo));

const amount = (text: string | undefined, field: string): bigint | undefined =>
  clear(() => (text === undefined ? undefined : parseAmount(text, field)));

const smaller = (a: bigint | undefined, b: bigint | undefined): bigint | undefined =>
  a === undefined || b === undefined ? (a ?? b) : minAmount(a, b);

/** An error of ours ends the run; as a plain error it would only have the workflow task repeated. */
function clear<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof WeftError ? asFailure(error, 1) : error;
  }
}
