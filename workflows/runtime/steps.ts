import { toHex } from '#core/hex.js';
import { formatAmount, parseAmount } from '#core/money.js';
import type { StepResult } from '#protos/weft/run/v1/step.js';
import type { RunPin } from './activities.js';
import { attemptsOf, reasonOf } from './failure.js';
import type { EarlierSteps, Progress, StepProgress } from './progress.js';

/** More of them would not fit an answer of Temporal's. */
const MOST_SHOWN = 1_000;

/** The steps of one segment of a run. Of very many the oldest are only counted. */
export class Steps {
  readonly #steps: Step[] = [];
  readonly #calls = new Map<string, number>();
  #counted: number;
  #paid: bigint;

  /** `earlier`: of the segments before. */
  constructor(
    private readonly segment: number,
    earlier: EarlierSteps = { steps: 0, paid: '0' },
    private readonly mostShown = MOST_SHOWN,
  ) {
    this.#counted = earlier.steps;
    this.#paid = parseAmount(earlier.paid, 'paid');
  }

  /** Begins one call of a step. `n` is given out in program order, which a replay repeats. */
  begin(step: string, method: string): Step {
    const n = this.#calls.get(step) ?? 0;
    this.#calls.set(step, n + 1);
    const begun = new Step(step, n, method, this.segment);
    this.#steps.push(begun);
    if (this.#steps.length > this.mostShown) this.#countOldest();
    return begun;
  }

  get progress(): Omit<Progress, 'quote'> {
    const earlier = this.#counted === 0 ? {} : { earlier: { steps: this.#counted, paid: formatAmount(this.#paid) } };
    return { paid: this.all.paid, ...earlier, steps: this.#steps.map(({ entry }) => entry) };
  }

  /** Of this segment and those before. */
  get all(): EarlierSteps {
    const paid = this.#steps.reduce((sum, { entry }) => sum + BigInt(entry.amount), this.#paid);
    return { steps: this.#counted + this.#steps.length, paid: formatAmount(paid) };
  }

  #countOldest(): void {
    const index = this.#steps.findIndex(({ entry }) => entry.status !== 'running');
    const [oldest] = index < 0 ? [] : this.#steps.splice(index, 1);
    if (oldest === undefined) return;
    this.#counted++;
    this.#paid += BigInt(oldest.entry.amount);
  }
}

/** One call of a step, as `progress` shows it. */
export class Step {
  entry: StepProgress;

  constructor(step: string, n: number, method: string, segment: number) {
    this.entry = {
      step,
      n,
      ...(segment === 0 ? {} : { segment }),
      method,
      status: 'running',
      listing: '',
      amount: '0',
      latencyMs: 0,
      attempts: 0,
      receipt: null,
    };
  }

  pinned({ listing, licence }: RunPin): void {
    this.entry = { ...this.entry, listing, ...(licence === undefined ? {} : { licence }) };
  }

  done(result: StepResult): void {
    this.answered(result);
    this.paid(result.receipt?.amount ?? '0');
  }

  /** There is a response, and nothing is paid for it yet. */
  answered({ receipt, signer, attempts, latencyMs }: StepResult): void {
    this.entry = {
      ...this.entry,
      attempts,
      latencyMs,
      // The activity gives a result only once it has verified the receipt.
      receipt: receipt === undefined ? null : { callId: toHex(receipt.callId), signer: toHex(signer), verified: true },
    };
  }

  paid(amount: string): void {
    this.entry = { ...this.entry, status: 'done', amount };
  }

  failed(error: unknown): void {
    const reason = reasonOf(error);
    // Without a listing nothing was sent yet: what failed then was the quote or the request.
    const attempts = this.entry.listing === '' ? 0 : (attemptsOf(error) ?? 1);
    this.entry = { ...this.entry, status: 'failed', attempts, ...(reason === undefined ? {} : { reason }) };
  }
}
