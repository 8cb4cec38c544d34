import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import type { TransactionSender } from '../chain/transaction-sender.js';
import type { ChainView } from './chain-view.js';
import { JOBS_AT_ONCE, type ServedJob } from './job-ledger.js';
import type { ProviderLedger } from './provider-ledger.js';
import type { Claimant } from './settler.js';
import { underLock } from './under-lock.js';

export interface JobSettlerOptions {
  readonly ledger: ProviderLedger;
  readonly chain: ChainView;
  readonly claimants: readonly Claimant[];
  /** How often it looks. Default 2,000: evaluators wait for it. */
  readonly everyMs?: number;
  readonly onError?: (error: unknown) => void;
}

const AT_ONCE = 64;

/**
 * Hands in what jobs were paid for, and fetches the money of those that nobody evaluated in time. Whatever it does may
 * be done twice: the contract refuses the second, and what became of a step is read from the chain.
 */
export class JobSettler {
  readonly #options: JobSettlerOptions;
  #timer: NodeJS.Timeout | undefined;
  #last: Promise<void> = Promise.resolve();
  #stopped = false;
  /** The last step of the round before that waits for its evaluation; none once the round came to the end of them. */
  #lookedAt: ServedJob | undefined;

  constructor(options: JobSettlerOptions) {
    this.#options = options;
  }

  start(): void {
    const again = () => {
      if (this.#stopped) return;
      this.#timer = setTimeout(() => {
        this.#last = this.settleNow().finally(again);
      }, this.#options.everyMs ?? 2_000);
      this.#timer.unref();
    };
    again();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#last;
  }

  /**
   * Looks once at every step that is to be handed in, and at the next of those that wait for their evaluation. Never
   * rejects: what fails is told and tried again the next time.
   */
  async settleNow(): Promise<void> {
    const { ledger, claimants } = this.#options;
    try {
      const open = await ledger.jobs.open(claimants, this.#lookedAt);
      const waiting = open.filter(({ state }) => state === 'SUBMITTED');
      this.#lookedAt = waiting.length < JOBS_AT_ONCE ? undefined : waiting.at(-1);
      for (const sender of new Set(claimants.map((each) => each.sender))) {
        const mine = open.filter((job) => claimants.some((each) => each.sender === sender && isOf(each, job)));
        if (mine.length === 0) continue;
        // One process at a time, since the second to hand in a step pays for a transaction that is refused.
        await underLock(ledger.pool, `weft job settler ${sender.address}`, false, () => this.#settleAll(mine, sender));
      }
    } catch (error) {
      this.#options.onError?.(error);
    }
  }

  async #settleAll(jobs: readonly ServedJob[], sender: TransactionSender): Promise<void> {
    // A transaction takes as long as its confirmations: none waits for another's.
    for (let at = 0; at < jobs.length; at += AT_ONCE)
      await Promise.all(
        jobs.slice(at, at + AT_ONCE).map(async (job) => {
          await this.#settle(job, sender).catch((error: unknown) => this.#report(job, error));
        }),
      );
  }

  async #settle(job: ServedJob, sender: TransactionSender): Promise<void> {
    const { chain, ledger } = this.#options;
    const { jobId, step } = job;
    const jobs = chain.jobs!;
    const onChain = await chain.job(jobId, step);
    await chain.newestBlock(); // for `nowSec`
    switch (onChain.step.status) {
      case 'funded':
        // Once it has expired nobody can hand in any more: what was served for it is lost, and refunded one day.
        if (chain.nowSec() >= job.expiresAtSec) return await ledger.jobs.mark(job, 'UNPAID');
        await sender.send(jobs.submit(jobId, step, job.deliverable));
        return await ledger.jobs.mark(job, 'SUBMITTED');
      case 'submitted':
        if (job.state === 'ANSWERED') await ledger.jobs.mark(job, 'SUBMITTED');
        if (chain.nowSec() >= onChain.step.submittedAtSec + job.reviewSec)
          await sender.send(jobs.claimPayment(jobId, step));
        return;
      case 'completed':
        return await ledger.jobs.mark(job, 'PAID', await jobs.paidFor(jobId, step, ledger.bornAtBlock));
      case 'rejected':
      case 'expired':
        return await ledger.jobs.mark(job, 'UNPAID');
    }
  }

  #report({ jobId, step }: ServedJob, error: unknown): void {
    // Somebody, perhaps an earlier life of ours, was first; the next look shows it.
    const { reason, message, details } = WeftError.from(error);
    if (details['revert'] === 'WrongStatus') return;
    const what = `step ${step} of job ${toHex(jobId)} could not be settled: ${message}`;
    this.#options.onError?.(new WeftError(reason, what, {}, { cause: error }));
  }
}

const isOf = ({ asset, tenure }: Claimant, job: ServedJob): boolean => asset === job.asset && tenure === job.tenure;
