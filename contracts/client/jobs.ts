import { AbiCoder, type BlockTag, keccak256, type Provider, type Result, toBeHex } from 'ethers';
import { fromHex } from '#core/hex.js';
import { interfaceOf } from './artifact.js';
import { type Bytes, hexOf, read, type UnsignedTransaction } from './chain.js';
import type { Position } from './escrow.js';
import { type EventLog, type LastBlock, newestLog, readLogs } from './read-logs.js';

/** A provider's part of a job. */
export interface JobOrder {
  readonly asset: bigint;
  readonly tenure: number;
  readonly amount: bigint;
}

/** What a job is named after, together with its client. */
export interface JobTerms {
  /** 20 bytes. */
  readonly evaluator: Bytes;
  readonly expiresAtSec: number;
  /** How long the evaluator has after a submission. */
  readonly reviewSec: number;
  /** 32 bytes: digest of what is to be done. */
  readonly brief: Bytes;
  /** 32 bytes: the client's; the same terms with the same salt are the same job. */
  readonly salt: Bytes;
  readonly orders: readonly JobOrder[];
}

/** As the chain tells them. */
export interface FundedTerms extends JobTerms {
  readonly evaluator: Uint8Array;
  readonly brief: Uint8Array;
  readonly salt: Uint8Array;
}

export interface Job {
  /** 20 bytes; zero for a job that was never funded. */
  readonly client: Uint8Array;
  readonly evaluator: Uint8Array;
  readonly expiresAtSec: number;
  readonly reviewSec: number;
  readonly steps: number;
}

/** In the order of the contract's enumeration. */
export const jobStatuses = ['none', 'funded', 'submitted', 'completed', 'rejected', 'expired'] as const;
export type JobStatus = (typeof jobStatuses)[number];

export interface JobStep {
  readonly asset: bigint;
  readonly tenure: number;
  readonly amount: bigint;
  readonly submittedAtSec: number;
  readonly status: JobStatus;
  readonly deliverable: Uint8Array;
}

export type JobsEvent = Position &
  (
    | { name: 'JobFunded'; jobId: Uint8Array; client: Uint8Array; amount: bigint; terms: FundedTerms }
    | { name: 'JobSubmitted'; jobId: Uint8Array; step: number; provider: Uint8Array; deliverable: Uint8Array }
    | { name: 'JobCompleted'; jobId: Uint8Array; step: number; evaluator: Uint8Array; reason: Uint8Array }
    | { name: 'JobRejected'; jobId: Uint8Array; step: number; rejector: Uint8Array; reason: Uint8Array }
    | { name: 'JobExpired'; jobId: Uint8Array; step: number }
    | { name: 'PaymentReleased'; jobId: Uint8Array; step: number; asset: bigint; tenure: number; amount: bigint }
    | { name: 'Refunded'; jobId: Uint8Array; step: number; client: Uint8Array; amount: bigint }
    | { name: 'Withdrawn'; client: Uint8Array; to: Uint8Array; amount: bigint }
  );

export const MIN_REVIEW_SEC = 3_600;
export const MAX_REVIEW_SEC = 30 * 86_400;
/** Longest time between now and a job's expiry. */
export const MAX_JOB_SPAN_SEC = 365 * 86_400;
export const NO_REASON = new Uint8Array(32);

/** The jobs at an address. Methods that change something build the transaction; the others read, at the newest block or at `at`. */
export class Jobs {
  constructor(
    readonly address: string,
    private readonly provider: Provider,
  ) {}

  /** Creates a job of the sender's and takes the sum of its steps, which this contract must be allowed to take. */
  fund(terms: JobTerms): UnsignedTransaction {
    return this.#build('fund', [termsOf(terms)]);
  }

  /** `permit`: of `Token.permit`, over the sum of the steps. */
  fundWithPermit(
    terms: JobTerms,
    permit: { deadlineSec: number; v: number; r: string; s: string },
  ): UnsignedTransaction {
    return this.#build('fundWithPermit', [termsOf(terms), permit.deadlineSec, permit.v, permit.r, permit.s]);
  }

  submit(jobId: Bytes, step: number, deliverable: Bytes): UnsignedTransaction {
    return this.#build('submit', [hexOf(jobId), step, hexOf(deliverable)]);
  }

  complete(jobId: Bytes, step: number, deliverable: Bytes, reason: Bytes = NO_REASON): UnsignedTransaction {
    return this.#build('complete', [hexOf(jobId), step, hexOf(deliverable), hexOf(reason)]);
  }

  /** `amount` goes to the provider, the rest back to the client. */
  completeInPart(
    jobId: Bytes,
    step: number,
    deliverable: Bytes,
    amount: bigint,
    reason: Bytes = NO_REASON,
  ): UnsignedTransaction {
    return this.#build('completeInPart', [hexOf(jobId), step, hexOf(deliverable), amount, hexOf(reason)]);
  }

  reject(jobId: Bytes, step: number, reason: Bytes = NO_REASON): UnsignedTransaction {
    return this.#build('reject', [hexOf(jobId), step, hexOf(reason)]);
  }

  /** Pays a submitted step that nobody evaluated in time; anyone may send it. */
  claimPayment(jobId: Bytes, step: number): UnsignedTransaction {
    return this.#build('claimPayment', [hexOf(jobId), step]);
  }

  /** Gives the steps of an expired job back for which nothing was submitted; anyone may send it. */
  claimRefund(jobId: Bytes): UnsignedTransaction {
    return this.#build('claimRefund', [hexOf(jobId)]);
  }

  withdraw(amount: bigint, to: Bytes): UnsignedTransaction {
    return this.#build('withdraw', [amount, hexOf(to)]);
  }

  async jobId(client: Bytes, terms: JobTerms): Promise<Uint8Array> {
    return fromHex((await this.#read('jobIdOf', [hexOf(client), termsOf(terms)]))[0], 'jobId', 32);
  }

  async job(jobId: Bytes, at?: BlockTag): Promise<Job> {
    const [job] = await this.#read('job', [hexOf(jobId)], at);
    return {
      client: fromHex(job.client, 'client', 20),
      evaluator: fromHex(job.evaluator, 'evaluator', 20),
      expiresAtSec: Number(job.expiresAtSec),
      reviewSec: Number(job.reviewSec),
      steps: Number(job.steps),
    };
  }

  async step(jobId: Bytes, step: number, at?: BlockTag): Promise<JobStep> {
    const [found] = await this.#read('stepOf', [hexOf(jobId), step], at);
    return {
      asset: found.asset,
      tenure: Number(found.tenure),
      amount: found.amount,
      submittedAtSec: Number(found.submittedAtSec),
      status: jobStatuses[Number(found.status)]!,
      deliverable: fromHex(found.deliverable, 'deliverable', 32),
    };
  }

  /** What a client got back and has not withdrawn. */
  async balanceOf(client: Bytes, at?: BlockTag): Promise<bigint> {
    return (await this.#read('balances', [hexOf(client)], at))[0];
  }

  /** Events between two blocks, both included, in the chain's order; of one job, if it is named. */
  async events(fromBlock: number, toBlock: LastBlock, jobId?: Bytes): Promise<JobsEvent[]> {
    // Every event about a job has its id as the first topic after its name.
    const topics = jobId === undefined ? [] : [null, hexOf(jobId)];
    const logs = await readLogs(this.provider, { address: this.address, topics }, fromBlock, toBlock);
    return parseJobsLogs(logs, this.address);
  }

  /** What was released for a step, once, by what events from `fromBlock` on say. */
  async paidFor(jobId: Bytes, step: number, fromBlock: number): Promise<bigint> {
    const { topicHash } = interfaceOf('Jobs').getEvent('PaymentReleased')!;
    const topics = [topicHash, hexOf(jobId), toBeHex(step, 32)];
    const log = await newestLog(this.provider, { address: this.address, topics }, fromBlock);
    const [event] = log === undefined ? [] : parseJobsLogs([log], this.address);
    return event?.name === 'PaymentReleased' ? event.amount : 0n;
  }

  #build(method: string, args: readonly unknown[]): UnsignedTransaction {
    return { to: this.address, data: interfaceOf('Jobs').encodeFunctionData(method, args) };
  }

  #read(method: string, args: readonly unknown[], at?: BlockTag) {
    return read(this.provider, 'Jobs', this.address, method, args, at);
  }
}

const TERMS =
  'tuple(address evaluator,uint40 expiresAtSec,uint32 reviewSec,bytes32 brief,bytes32 salt,tuple(uint64 asset,uint32 tenure,uint96 amount)[] orders)';

/** A job's id without asking the chain: `keccak256(abi.encode(chainId, jobs, client, terms))`. */
export function jobIdOf(terms: JobTerms, client: Bytes, home: { chainId: bigint; jobs: Bytes }): Uint8Array {
  const values = [home.chainId, hexOf(home.jobs), hexOf(client), termsOf(terms)];
  const encoded = AbiCoder.defaultAbiCoder().encode(['uint256', 'address', 'address', TERMS], values);
  return fromHex(keccak256(encoded), 'jobId', 32);
}

/** The events of the jobs at `address` among logs; others are passed over. */
export function parseJobsLogs(logs: readonly EventLog[], address: string): JobsEvent[] {
  return logs.flatMap((log): JobsEvent[] => {
    if (log.address.toLowerCase() !== address.toLowerCase()) return [];
    const parsed = interfaceOf('Jobs').parseLog(log);
    if (!parsed) return [];
    const at = { blockNumber: log.blockNumber, logIndex: log.index, transaction: log.transactionHash };
    const arg = parsed.args;
    const account = (name: string): Uint8Array => fromHex(arg[name], name, 20);
    const digest = (name: string): Uint8Array => fromHex(arg[name], name, 32);
    const ofStep = () => ({ ...at, jobId: digest('jobId'), step: Number(arg.step) });
    switch (parsed.name) {
      case 'JobFunded': {
        const { amount, terms } = arg;
        const [jobId, client] = [digest('jobId'), account('client')];
        return [{ ...at, name: 'JobFunded', jobId, client, amount, terms: termsFrom(terms) }];
      }
      case 'JobSubmitted':
        return [
          { ...ofStep(), name: 'JobSubmitted', provider: account('provider'), deliverable: digest('deliverable') },
        ];
      case 'JobCompleted':
        return [{ ...ofStep(), name: 'JobCompleted', evaluator: account('evaluator'), reason: digest('reason') }];
      case 'JobRejected':
        return [{ ...ofStep(), name: 'JobRejected', rejector: account('rejector'), reason: digest('reason') }];
      case 'JobExpired':
        return [{ ...ofStep(), name: 'JobExpired' }];
      case 'PaymentReleased': {
        const { asset, amount } = arg;
        return [{ ...ofStep(), name: 'PaymentReleased', asset, tenure: Number(arg.tenure), amount }];
      }
      case 'Refunded':
        return [{ ...ofStep(), name: 'Refunded', client: account('client'), amount: arg.amount }];
      case 'Withdrawn':
        return [{ ...at, name: 'Withdrawn', client: account('client'), to: account('to'), amount: arg.amount }];
      default:
        return [];
    }
  });
}

const termsFrom = (terms: Result): FundedTerms => ({
  evaluator: fromHex(terms['evaluator'], 'evaluator', 20),
  expiresAtSec: Number(terms['expiresAtSec']),
  reviewSec: Number(terms['reviewSec']),
  brief: fromHex(terms['brief'], 'brief', 32),
  salt: fromHex(terms['salt'], 'salt', 32),
  orders: [...terms['orders']].map(({ asset, tenure, amount }) => ({ asset, tenure: Number(tenure), amount })),
});

const termsOf = (terms: JobTerms) => ({
  ...terms,
  evaluator: hexOf(terms.evaluator),
  brief: hexOf(terms.brief),
  salt: hexOf(terms.salt),
});
