import { type JobStep, type Jobs, type JobsEvent } from '#contracts/jobs.js';
import { sameBytes } from '#core/hex.js';
import type { LedgerBook } from './ledger/ledger-book.js';
import { idKey, isOpenJob, type JobEntry } from './ledger/ledger-state.js';
import type { PayerChain } from './payer-chain.js';
import type { JobState } from './wallet.js';

type Funded = JobsEvent & { name: 'JobFunded' };

const STATES: Readonly<Record<JobStep['status'], JobState | undefined>> = {
  none: undefined,
  funded: 'FUNDED',
  submitted: 'SUBMITTED',
  completed: 'COMPLETED',
  rejected: 'REJECTED',
  expired: 'EXPIRED',
};
const none = new Uint8Array(0);
/** Asked for together. */
const AT_ONCE = 32;

/**
 * A ledger takes in the jobs that this payer funded from `fromBlock` on and that it does not know: a wallet's have one step,
 * and the call's id for a salt. Gives whether all of them are deep enough in the chain to be taken in. Errors: CHAIN_UNAVAILABLE.
 */
export async function importJobs(parts: {
  readonly book: LedgerBook;
  readonly chain: PayerChain;
  readonly fromBlock: number;
}): Promise<boolean> {
  const { book, chain, fromBlock } = parts;
  const { jobs } = chain;
  if (jobs === undefined) return true;
  const funded: Funded[] = [];
  for (const event of await chain.fundedJobs(jobs, fromBlock)) {
    const { orders, salt } = event.terms;
    if (orders.length === 1 && !sameBytes((await book.job(salt))?.jobId ?? none, event.jobId)) funded.push(event);
  }
  const found: JobEntry[] = [];
  let complete = true;
  for (let at = 0; at < funded.length; at += AT_ONCE) {
    const looks = funded.slice(at, at + AT_ONCE).map((event) => look(jobs, chain, event));
    for (const entry of await Promise.all(looks))
      if (entry === undefined) complete = false;
      else found.push(entry);
  }
  if (found.some(({ state }) => state === 'COMPLETED')) await fillIn(found, jobs, chain);
  for (const entry of oneOfACall(found)) {
    if ((await book.job(entry.call.callId)) !== undefined) continue;
    book.jobs.set(entry.key, entry);
    book.ledger.adoptJob(entry);
  }
  await book.flush();
  return complete;
}

/** Undefined while the chain may yet take the job back. */
async function look(jobs: Jobs, chain: PayerChain, { jobId, terms }: Funded): Promise<JobEntry | undefined> {
  const { step } = await chain.job(jobs, jobId, 0);
  const state = STATES[step.status];
  if (state === undefined) return undefined;
  const { asset, tenure, amount } = step;
  return {
    key: idKey(terms.salt),
    jobId,
    quote: undefined,
    pin: undefined,
    asset,
    tenure,
    call: { callId: terms.salt, listing: none, method: '', requestDigest: none, maxAmount: amount },
    commitment: terms.brief,
    evaluator: terms.evaluator,
    expiresAtSec: terms.expiresAtSec,
    reviewSec: terms.reviewSec,
    state,
    // No token spends on it.
    day: -1,
    paid: 0n,
    receipt: undefined,
  };
}

/** What was not given back of a completed job was paid. */
async function fillIn(found: readonly JobEntry[], jobs: Jobs, chain: PayerChain): Promise<void> {
  const refunds = await chain.refunds(jobs);
  for (const entry of found)
    if (entry.state === 'COMPLETED') entry.paid = entry.call.maxAmount - (refunds.get(idKey(entry.jobId)) ?? 0n);
}

/** An id that two ledgers used has two jobs; the one that still holds money is to be looked after. */
function oneOfACall(found: readonly JobEntry[]): Iterable<JobEntry> {
  const byCall = new Map<string, JobEntry>();
  for (const entry of found) {
    const other = byCall.get(entry.key);
    if (other === undefined || !isOpenJob(other)) byCall.set(entry.key, entry);
  }
  return byCall.values();
}
