import { type Job, type JobStep, type Jobs, type JobTerms, jobIdOf } from '#contracts/jobs.js';
import { WeftError } from '#core/errors.js';
import { sameBytes, toHex } from '#core/hex.js';
import { Turns } from '#core/turns.js';
import type { SigningKey } from '../signature.js';
import { type Domain, escrowDomain, hashCall, hashJobCall, type Receipt, signingHash } from '../typed-data.js';
import type { Signed } from '../wire.js';
import { idReused, pinOf } from './call-desk.js';
import { checkLength } from './check-length.js';
import type { LedgerBook } from './ledger/ledger-book.js';
import {
  idKey,
  isOpenJob,
  type JobEntry,
  type PinEntry,
  type QuoteEntry,
  type TokenEntry,
} from './ledger/ledger-state.js';
import { hexKey, type PayerChain } from './payer-chain.js';
import type { Proofs } from './proofs.js';
import { checkOwner, type QuoteDesk } from './quote-desk.js';
import type { JobRecord, JobReservation, JobVerdict, ReserveRequest } from './wallet.js';

export interface JobPayerParts {
  readonly book: LedgerBook;
  readonly chain: PayerChain;
  readonly quotes: QuoteDesk;
  readonly proofs: Proofs;
  readonly domain: Domain;
  readonly payer: Uint8Array;
  /** Throws when the wallet may not decide anything any more. */
  readonly checkOpen: () => void;
}

/** Jobs of the wallet's own have one step. */
const STEP = 0;
const LISTED = 100;

/**
 * Funds jobs for calls, and evaluates those whose evaluator is the payer (docs/adr/0010-jobs.md). A job's row is durable
 * before anything is sent for it, and fixes its id: whatever dies, the same job is funded, and the contract takes it once.
 */
export class JobPayer {
  readonly #separator: Buffer;
  /** One thing at a time for each job. */
  readonly #turns = new Turns();

  constructor(
    private readonly parts: JobPayerParts,
    private readonly key: SigningKey,
  ) {
    this.#separator = escrowDomain(parts.domain);
  }

  /** Errors: as of a call's reservation; FUNDS_TOO_LOW, CHAIN_UNAVAILABLE, JOB_REJECTED, JOB_EXPIRED. */
  async fund(request: ReserveRequest, token?: TokenEntry): Promise<JobReservation> {
    const { book, quotes, chain, checkOpen } = this.parts;
    const jobs = this.#jobs();
    checkLength(request.callId, 'callId', 32);
    checkLength(request.requestDigest, 'requestDigest', 32);
    const quote = await quotes.get(request.quoteId);
    checkOwner(quote, token);
    await chain.knowTime();
    await book.job(request.callId);
    if (book.mayKnow(request.callId) && (await book.call(request.callId)) !== undefined)
      throw idReused(idKey(request.callId));
    // From here to the decision nothing else can run.
    checkOpen();
    const pin = pinOf(quote, request.step, chain.nowSec());
    const { maxAmount = pin.maxPerCall } = request;
    const { callId, requestDigest } = request;
    const call = { callId, listing: pin.listing, method: pin.method, requestDigest, maxAmount };
    const known = book.jobs.get(idKey(callId));
    const same = known === undefined || isSameCall(known, quote, call);
    if (!same) throw idReused(idKey(callId));
    if (known !== undefined && known.quote === undefined) book.ledger.claimJob(known, quote, pin, call);
    const entry = known ?? this.#hold(jobs, quote, pin, call);
    await this.#turns.take(entry.key, () => this.#fund(jobs, entry));
    throwIfLost(entry);
    const job = { client: this.parts.payer, jobId: entry.jobId, step: STEP };
    const hash = hashJobCall({ jobId: entry.jobId, step: STEP, commitment: entry.commitment });
    const signature = this.key.sign(signingHash(this.#separator, hash));
    return { payment: { job, call: entry.call, signature }, receipt: entry.receipt };
  }

  /** A receipt for a job's call. Throws RECEIPT_INVALID: nothing is paid for it then. */
  async settle(entry: JobEntry, receipt: Signed<Receipt>): Promise<void> {
    const { book, proofs } = this.parts;
    const { jobId, pin, asset, tenure } = entry;
    if (entry.receipt !== undefined) return;
    const operators = new Set(pin === undefined ? [] : [hexKey(pin.operator)]);
    const payee = { id: jobId, terms: { asset, tenure }, operators };
    const fault = await proofs.faultOfReceipt(receipt, payee, entry);
    if (fault !== undefined)
      throw new WeftError('RECEIPT_INVALID', `the receipt does not hold: ${fault}`, { field: 'receipt' });
    book.ledger.answerJob(entry, receipt);
    // What is paid later rests on it.
    await book.flush();
  }

  async job(callId: Uint8Array): Promise<JobRecord | undefined> {
    checkLength(callId, 'callId', 32);
    const entry = await this.parts.book.job(callId);
    if (entry === undefined) return undefined;
    if (isOpenJob(entry)) await this.#turns.take(entry.key, () => this.#refresh(this.#jobs(), entry));
    return recordOf(entry);
  }

  /** What lies in the contract of jobs and is the payer's until an evaluator says otherwise. */
  async money(): Promise<bigint> {
    const { book, chain } = this.parts;
    if (chain.jobs === undefined) return 0n;
    let sum = await chain.refunded(chain.jobs);
    for (const { state, call } of book.jobs.values())
      if (state === 'FUNDED' || state === 'SUBMITTED') sum += call.maxAmount;
    return sum;
  }

  /** The newest ones. What the ledger last saw will do while the chain does not answer, or they are being worked on. */
  async list(): Promise<JobRecord[]> {
    const { book } = this.parts;
    await book.flush();
    const found = await Promise.all((await book.store.jobs(LISTED)).map((row) => book.job(row.call_id)));
    const entries = found.filter((entry) => entry !== undefined);
    const idle = entries.filter((entry) => isOpenJob(entry) && !this.#turns.has(entry.key));
    await Promise.all(idle.map((entry) => this.job(entry.call.callId).catch(() => {})));
    return entries.map(recordOf);
  }

  /** Errors: NOT_FOUND, PERMISSION_DENIED (somebody else evaluates), RECEIPT_INVALID and JOB_UNFIT (nothing to accept). */
  async evaluate(callId: Uint8Array, verdict: JobVerdict, token?: TokenEntry): Promise<JobRecord> {
    this.parts.checkOpen();
    checkLength(callId, 'callId', 32);
    const jobs = this.#jobs();
    const entry = await this.parts.book.job(callId);
    if (entry === undefined)
      throw new WeftError('NOT_FOUND', 'the wallet has funded no job for this call', { callId: toHex(callId) });
    checkOwner(entry.quote, token);
    if (!sameBytes(entry.evaluator, this.parts.payer))
      throw new WeftError('PERMISSION_DENIED', `the evaluator of this job is ${toHex(entry.evaluator)}`, {
        evaluator: toHex(entry.evaluator),
      });
    await this.#turns.take(entry.key, () => this.#evaluate(jobs, entry, verdict));
    await this.#fetchRefunds(jobs);
    return recordOf(entry);
  }

  /** Takes over what the chain shows of open jobs, has expired ones refunded, fetches what came back. */
  async chores(): Promise<void> {
    const { book, chain } = this.parts;
    const { jobs } = chain;
    if (jobs === undefined) return;
    const open = [...book.jobs.values()].filter(isOpenJob);
    if (open.length > 0) await chain.readTime();
    const looks = open.map((entry) => this.#turns.take(entry.key, () => this.#lookAfter(jobs, entry)));
    const failed = (await Promise.allSettled(looks)).find((look) => look.status === 'rejected');
    await this.#fetchRefunds(jobs);
    if (failed !== undefined) throw failed.reason;
  }

  async #lookAfter(jobs: Jobs, entry: JobEntry): Promise<void> {
    const { chain } = this.parts;
    const shown = await this.#refresh(jobs, entry);
    if (chain.nowSec() < entry.expiresAtSec) return;
    if (shown === undefined && entry.state === 'FUNDING') return await this.#abandon(jobs, entry, 'EXPIRED');
    if (shown?.step.status !== 'funded') return;
    await chain.send(jobs.claimRefund(entry.jobId));
    await this.#refresh(jobs, entry);
  }

  #hold(jobs: Jobs, quote: QuoteEntry, pin: PinEntry, call: JobEntry['call']): JobEntry {
    const { book, chain, payer, domain } = this.parts;
    const { job } = pin;
    if (job === undefined)
      throw new WeftError('INVALID_INPUT', `step "${pin.step}" is not settled by jobs`, { field: 'step' });
    const why = book.barred.get(pin.asset);
    if (why !== undefined)
      throw new WeftError('ASSET_BARRED', `asset ${pin.asset} is not paid any more: ${why}`, {
        asset: String(pin.asset),
      });
    const nowSec = chain.nowSec();
    const fields = {
      quote,
      pin,
      call,
      key: idKey(call.callId),
      asset: pin.asset,
      tenure: pin.tenure,
      commitment: hashCall(call),
      evaluator: job.evaluator ?? payer,
      expiresAtSec: nowSec + job.spanSec,
      reviewSec: job.reviewSec,
    };
    const jobId = jobIdOf(termsOf(fields), payer, { chainId: domain.chainId, jobs: jobs.address });
    const entry = book.ledger.holdJob({ ...fields, jobId }, nowSec);
    book.jobs.set(entry.key, entry);
    return entry;
  }

  async #fund(jobs: Jobs, entry: JobEntry): Promise<void> {
    const { book, chain, quotes } = this.parts;
    if (entry.state !== 'FUNDING') return;
    // Before anything leaves: the row is what a later life finds the job by.
    await book.flush();
    if (await this.#isFunded(jobs, entry)) return;
    await quotes.inTurn(async () => {
      // An earlier life may have stored the transaction, or be told by a reorg to send it again.
      await chain.settled();
      if ((await this.#isFunded(jobs, entry)) || !isOpenJob(entry)) return;
      await this.#gather(jobs, entry.call.maxAmount);
      try {
        await chain.send(jobs.fund(termsOf(entry)));
      } catch (error) {
        // What went wrong is told even if the chain cannot be asked about it.
        if (await this.#isFunded(jobs, entry).catch(() => false)) return;
        throw error;
      }
      book.ledger.moveJob(entry, 'FUNDED');
    });
    book.changed();
  }

  async #isFunded(jobs: Jobs, entry: JobEntry): Promise<boolean> {
    await this.#refresh(jobs, entry);
    return entry.state !== 'FUNDING';
  }

  /** Has `amount` among the payer's tokens, where the contract may take it. */
  async #gather(jobs: Jobs, amount: bigint): Promise<void> {
    const { chain, payer } = this.parts;
    const { free, inToken } = await chain.funds();
    if (free + inToken < amount)
      throw new WeftError(
        'FUNDS_TOO_LOW',
        `the payer has ${free} free in the escrow and ${inToken} in the token; the job needs ${amount}`,
        { needed: String(amount), free: String(free), inToken: String(inToken), payer: toHex(payer) },
      );
    if (inToken < amount) await chain.send(chain.escrow.withdraw(amount - inToken, payer));
    await chain.allow(jobs.address, amount);
  }

  /** Takes over what the chain shows at the confirmed block. Undefined: it has no such job. */
  async #refresh(jobs: Jobs, entry: JobEntry): Promise<{ job: Job; step: JobStep } | undefined> {
    const { book, chain } = this.parts;
    const { ledger } = book;
    const shown = await chain.job(jobs, entry.jobId, STEP);
    switch (shown.step.status) {
      case 'none':
        return undefined;
      case 'funded':
        ledger.moveJob(entry, 'FUNDED');
        break;
      case 'submitted':
        ledger.moveJob(entry, 'SUBMITTED');
        break;
      case 'completed':
        if (isOpenJob(entry)) ledger.endJob(entry, 'COMPLETED', await chain.paidFor(jobs, entry.jobId, STEP));
        break;
      case 'rejected':
        ledger.endJob(entry, 'REJECTED', 0n);
        break;
      case 'expired':
        ledger.endJob(entry, 'EXPIRED', 0n);
        break;
    }
    book.changed();
    return shown;
  }

  async #evaluate(jobs: Jobs, entry: JobEntry, verdict: JobVerdict): Promise<void> {
    const { chain, book } = this.parts;
    const shown = await this.#refresh(jobs, entry);
    if (!isOpenJob(entry)) return;
    if (shown === undefined && verdict === 'reject') return await this.#abandon(jobs, entry, 'REJECTED');
    if (shown === undefined)
      throw new WeftError('JOB_UNKNOWN', 'the chain has no such job (yet)', { jobId: toHex(entry.jobId) });
    const { jobId } = entry;
    const transaction = verdict === 'reject' ? jobs.reject(jobId, STEP) : acceptance(jobs, entry, shown.step);
    try {
      await chain.send(transaction);
    } catch (error) {
      await this.#refresh(jobs, entry).catch(() => {});
      if (isOpenJob(entry)) throw error;
    }
    await this.#refresh(jobs, entry);
    await book.flush();
  }

  /** Once nothing that left for it is on its way any more its money is free at once. */
  async #abandon(jobs: Jobs, entry: JobEntry, state: 'REJECTED' | 'EXPIRED'): Promise<void> {
    const { chain, book } = this.parts;
    await chain.settled();
    const shown = await this.#refresh(jobs, entry);
    if (shown !== undefined) return state === 'REJECTED' ? await this.#evaluate(jobs, entry, 'reject') : undefined;
    book.ledger.endJob(entry, state, 0n);
    await book.flush();
  }

  /** What jobs gave back lies in their contract until it is fetched. */
  async #fetchRefunds(jobs: Jobs): Promise<void> {
    const { chain, quotes, payer } = this.parts;
    await quotes.inTurn(async () => {
      const amount = await chain.refunded(jobs);
      if (amount > 0n) await chain.send(jobs.withdraw(amount, payer));
    });
  }

  #jobs(): Jobs {
    const { jobs } = this.parts.chain;
    if (jobs === undefined) throw new WeftError('CONFIG_INVALID', 'this wallet knows no contract of jobs');
    return jobs;
  }
}

type Named = Pick<JobEntry, 'evaluator' | 'expiresAtSec' | 'reviewSec' | 'commitment' | 'asset' | 'tenure' | 'call'>;

const termsOf = ({ evaluator, expiresAtSec, reviewSec, commitment, asset, tenure, call }: Named): JobTerms => ({
  evaluator,
  expiresAtSec,
  reviewSec,
  brief: commitment,
  salt: call.callId,
  orders: [{ asset, tenure, amount: call.maxAmount }],
});

/** A job that was found on chain tells of its call no more than the hash. */
const isSameCall = (known: JobEntry, quote: QuoteEntry, call: JobEntry['call']): boolean =>
  (known.quote === quote || (known.quote === undefined && known.call.maxAmount === call.maxAmount)) &&
  sameBytes(known.commitment, hashCall(call));

/** Pays what the receipt says, for the answer that it is about. */
function acceptance(jobs: Jobs, { jobId, receipt, call }: JobEntry, step: JobStep) {
  if (receipt === undefined)
    throw new WeftError('RECEIPT_INVALID', 'the call of this job has no receipt that could be accepted', {
      field: 'receipt',
    });
  if (step.status !== 'submitted')
    throw new WeftError('JOB_UNFIT', 'the provider has not handed in its answer yet', { status: step.status });
  if (!sameBytes(step.deliverable, receipt.responseDigest))
    throw new WeftError('JOB_UNFIT', 'what was handed in is not what the call was answered with', {
      deliverable: toHex(step.deliverable),
      responseDigest: toHex(receipt.responseDigest),
    });
  if (receipt.amount === 0n) return jobs.reject(jobId, STEP);
  return receipt.amount < call.maxAmount
    ? jobs.completeInPart(jobId, STEP, step.deliverable, receipt.amount)
    : jobs.complete(jobId, STEP, step.deliverable);
}

function throwIfLost({ state, jobId, key }: JobEntry): void {
  const details = { jobId: toHex(jobId), callId: `0x${key}` };
  if (state === 'REJECTED') throw new WeftError('JOB_REJECTED', 'the job of this call was rejected', details);
  if (state === 'EXPIRED') throw new WeftError('JOB_EXPIRED', 'the job of this call has expired', details);
}

const recordOf = (entry: JobEntry): JobRecord => ({
  callId: entry.call.callId,
  jobId: entry.jobId,
  quoteId: entry.quote?.id ?? new Uint8Array(32),
  step: entry.pin?.step ?? '',
  method: entry.call.method,
  asset: entry.asset,
  tenure: entry.tenure,
  amount: entry.call.maxAmount,
  evaluator: entry.evaluator,
  expiresAtSec: entry.expiresAtSec,
  reviewSec: entry.reviewSec,
  state: entry.state,
  paid: entry.paid,
  receipt: entry.receipt,
});
