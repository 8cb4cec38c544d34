import { WeftError } from '#core/errors.js';
import { formatAmount } from '#core/money.js';
import { Turns } from '#core/turns.js';
import type { ChainView, JobOnChain } from '#payments/provider/chain-view.js';
import type { ProviderLedger } from '#payments/provider/provider-ledger.js';
import { TokenBucket } from '#platform/rate-limit.js';
import { type Admission, type Attempt, inFlight, JobAttempt, meetRow, notCharged } from './attempt.js';
import type { Gates } from './gates.js';
import type { PaywallLimits } from './limits.js';
import type { ListingVersion, Route } from './offers.js';
import type { Standing } from './standing.js';
import type { VerifiedJob } from './verify-payment.js';

/** What the desk needs of the wall it belongs to. */
export interface JobDeskParts {
  readonly ledger: ProviderLedger;
  readonly chain: ChainView;
  readonly limits: PaywallLimits;
  readonly standing: Standing;
  readonly gates: Gates;
  /** The same call, if it is being served here. */
  readonly serving: (callKey: string) => Attempt | undefined;
  readonly meet: (running: Attempt, verified: VerifiedJob) => Admission;
  readonly serve: (attempt: Attempt) => Admission;
}

/** What was served to a call, ready to be kept. */
export interface Served {
  readonly response: Uint8Array;
  readonly responseDigest: Uint8Array;
  readonly receipt: Uint8Array;
  readonly amount: bigint;
  readonly atSec: number;
}

/**
 * Calls that a funded job pays (docs/adr/0010-jobs.md). The chain alone says whether a job's step holds the money; the
 * ledger's key (job, step) sees to it that a step pays for one call, whatever replicas do.
 */
export class JobDesk {
  readonly #chainReads: TokenBucket;
  /** Steps whose call is being judged or served here. */
  readonly #busy = new Map<string, VerifiedJob>();
  /** One at a time for each step: none rests on what another is about to change. */
  readonly #admissions = new Turns();

  constructor(private readonly parts: JobDeskParts) {
    this.#chainReads = new TokenBucket(parts.limits.newChannelsPerSec, parts.limits.newChannelBurst);
  }

  /** Judges a call whose signature holds. Writes nothing. Throws Refused. */
  async admit(route: Route, verified: VerifiedJob): Promise<Admission> {
    // The client is part of the key: whether it is the job's, the chain has yet to say.
    const step = verified.payerKey + verified.accountKey + verified.job.step;
    return await this.#admissions.take(step, () => this.#admit(route, verified, step));
  }

  async #admit(route: Route, verified: VerifiedJob, step: string): Promise<Admission> {
    const { ledger, serving, meet } = this.parts;
    try {
      const running = serving(verified.callKey);
      if (running !== undefined) return meet(running, verified);
      // Before the ledger is asked: whatever ends from here on, it knows.
      if (this.#busy.has(step)) throw inFlight();
      const row = await ledger.call(verified.payer, verified.call.callId);
      if (row !== undefined) return meetRow(verified, row);
      await this.#checkStanding(verified.version);
      return await this.#admitNew(route, verified, step);
    } catch (error) {
      throw notCharged(error);
    }
  }

  async #admitNew(route: Route, verified: VerifiedJob, step: string): Promise<Admission> {
    const { serving, meet, serve } = this.parts;
    // Together, so that of many that come at once each counts all that came before it.
    const before = [...this.#busy.values()].filter(({ payerKey }) => payerKey === verified.payerKey);
    this.#busy.set(step, verified);
    let attempt: JobAttempt | undefined;
    try {
      const onChain = await this.#checkedJob(verified, before);
      await this.#checkGate(verified);
      const meanwhile = serving(verified.callKey);
      if (meanwhile !== undefined) return meet(meanwhile, verified);
      attempt = new JobAttempt(route, verified, onChain, () => this.#busy.delete(step));
      return serve(attempt);
    } finally {
      if (attempt === undefined) this.#busy.delete(step);
    }
  }

  /** Receipt, response and what is to be submitted become durable together. False: the call id was served meanwhile. */
  async keep({ verified, onChain }: JobAttempt, served: Served): Promise<boolean> {
    const { job, call, payer, commitment, version } = verified;
    return await this.parts.ledger.jobs.keep({
      ...served,
      jobId: job.jobId,
      step: job.step,
      payer,
      callId: call.callId,
      commitment,
      asset: version.listing.asset,
      tenure: version.listing.tenure,
      stepAmount: onChain.step.amount,
      expiresAtSec: onChain.job.expiresAtSec,
      reviewSec: onChain.job.reviewSec,
    });
  }

  async #checkStanding(version: ListingVersion): Promise<void> {
    const { standing, chain } = this.parts;
    if (standing.refusalOf(version, chain.nowSec()) === undefined) return;
    await standing.reread(version.listing.asset);
    const refused = standing.refusalOf(version, chain.nowSec());
    if (refused !== undefined) throw refused;
  }

  /** Who funded the job is who must hold what the listing asks for. */
  async #checkGate({ version: { gate }, payer }: VerifiedJob): Promise<void> {
    const { gates } = this.parts;
    if (gate === undefined || gates.refusalOf(gate, payer) === undefined) return;
    await gates.read(gate, payer);
    const refused = gates.refusalOf(gate, payer);
    if (refused !== undefined) throw refused;
  }

  async #checkedJob(verified: VerifiedJob, before: readonly VerifiedJob[]): Promise<JobOnChain> {
    const { jobId, step } = verified.job;
    if (this.parts.limits.jobs === 'none') throw unfit('jobs are not taken here; pay through a channel', {});
    await this.#checkClient(verified, before);
    if (!this.#chainReads.take())
      throw new WeftError('OVERLOADED', 'too many jobs are asked for at once; try again in a moment');
    const onChain = await this.parts.chain.job(jobId, step);
    this.#checkOnChain(verified, onChain);
    if (await this.parts.ledger.jobs.isSpent(jobId, step))
      throw unfit('this step of the job has paid for another call', { field: 'job.step' });
    return onChain;
  }

  /**
   * What a client whose evaluator always says no can take is bounded. `before`: what of his was being judged or served
   * here when this call came, and may be in the ledger by now.
   */
  async #checkClient({ payer }: VerifiedJob, before: readonly VerifiedJob[]): Promise<void> {
    const { ledger, limits, chain } = this.parts;
    const steps = before.map(({ job }) => job);
    const { open: kept, unpaid } = await ledger.jobs.countsOf(payer, chain.nowSec() - MONTH_SEC, steps);
    const open = kept + before.length;
    if (unpaid >= limits.maxUnpaidJobs)
      throw unfit(`${unpaid} answered jobs of this client were not paid; pay through a channel`, {
        unpaid: String(unpaid),
        maxUnpaidJobs: String(limits.maxUnpaidJobs),
      });
    if (open >= limits.maxOpenJobs)
      throw new WeftError('OVERLOADED', `${open} jobs of this client wait to be evaluated; no more are served before`, {
        maxOpenJobs: String(limits.maxOpenJobs),
      });
  }

  /** What the chain must say of a job before anything is done for it. */
  #checkOnChain({ job, call, version }: VerifiedJob, { job: known, step }: JobOnChain): void {
    const { limits, chain } = this.parts;
    const { listing } = version;
    if (known.client.every((byte) => byte === 0) || step.status === 'none')
      throw new WeftError('JOB_UNKNOWN', 'the chain has no such job, or no such step of it (yet)');
    if (Buffer.compare(known.client, job.client) !== 0)
      throw new WeftError('BAD_SIGNATURE', 'the call is not signed by the client of the job', { field: 'job.client' });
    if (limits.jobs === 'others' && Buffer.compare(known.evaluator, known.client) === 0)
      throw unfit('jobs are not taken here whose client evaluates them himself', { field: 'job' });
    if (step.status !== 'funded')
      throw unfit(`this step of the job is ${step.status}, and pays no call any more`, { status: step.status });
    if (step.asset !== listing.asset || step.tenure !== listing.tenure)
      throw new WeftError('WRONG_TERMS', 'the step of the job pays another asset or tenure', {
        asset: String(listing.asset),
        tenure: String(listing.tenure),
      });
    if (step.amount < call.maxAmount)
      throw unfit('the step of the job holds less than the call may cost', {
        holds: formatAmount(step.amount),
        maxAmount: formatAmount(call.maxAmount),
      });
    const neededUntilSec = chain.nowSec() + limits.maxCallSec + limits.claimMarginSec;
    if (known.expiresAtSec < neededUntilSec)
      throw unfit('the job ends too soon for the call to be served and handed in', {
        expiresAtSec: String(known.expiresAtSec),
        neededUntilSec: String(neededUntilSec),
      });
  }
}

const MONTH_SEC = 30 * 86_400;

const unfit = (why: string, details: Record<string, string>): WeftError => new WeftError('JOB_UNFIT', why, details);
