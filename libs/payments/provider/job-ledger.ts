import pg from 'pg';
import { WeftError } from '#core/errors.js';
import { asBuffer } from '#platform/as-buffer.js';
import type { BodyStore } from './body-store.js';
import { byteaArray, numberArray } from './bytea-array.js';
import { isAnswer, ledgerUnavailable } from './charge-commit.js';
import { storeResponse } from './store-response.js';

/** A served call that a job's step pays. */
export interface JobCharge {
  readonly jobId: Uint8Array;
  readonly step: number;
  readonly payer: Uint8Array;
  readonly callId: Uint8Array;
  readonly commitment: Uint8Array;
  /** The signed receipt, encoded. */
  readonly receipt: Uint8Array;
  readonly response: Uint8Array;
  /** sha-256 of `response`: what is handed in. */
  readonly responseDigest: Uint8Array;
  /** What the receipt says. */
  readonly amount: bigint;
  /** What the step holds. */
  readonly stepAmount: bigint;
  readonly asset: bigint;
  readonly tenure: number;
  readonly expiresAtSec: number;
  readonly reviewSec: number;
  readonly atSec: number;
}

/** ANSWERED: to be handed in. SUBMITTED: to be evaluated. PAID and UNPAID are final. */
export type JobState = 'ANSWERED' | 'SUBMITTED' | 'PAID' | 'UNPAID';

/** A step of a job that this provider has worked on. */
export interface ServedJob {
  readonly jobId: Uint8Array;
  readonly step: number;
  readonly asset: bigint;
  readonly tenure: number;
  readonly stepAmount: bigint;
  readonly deliverable: Uint8Array;
  readonly expiresAtSec: number;
  readonly reviewSec: number;
  readonly state: JobState;
}

/** So many of one state are looked at in one round. */
export const JOBS_AT_ONCE = 500;

/** Steps of jobs in the provider's ledger: kept with their answer before it is sent, handed in later. */
export class JobLedger {
  constructor(
    private readonly pool: pg.Pool,
    private readonly bodies: BodyStore,
  ) {}

  /**
   * Durable, with its response, when it resolves to true. False: the call id has a row already. Errors: JOB_UNFIT (the
   * step has paid for another call), LEDGER_UNAVAILABLE (perhaps kept).
   */
  async keep(charge: JobCharge): Promise<boolean> {
    const { response, body } = await storeResponse(this.bodies, charge);
    try {
      const { rowCount } = await this.pool.query(KEEP, [
        asBuffer(charge.jobId),
        charge.step,
        asBuffer(charge.payer),
        asBuffer(charge.callId),
        asBuffer(charge.commitment),
        asBuffer(charge.receipt),
        response === null ? null : asBuffer(response),
        body === null ? null : asBuffer(body),
        String(charge.amount),
        charge.atSec,
        String(charge.asset),
        charge.tenure,
        String(charge.stepAmount),
        asBuffer(charge.responseDigest),
        charge.expiresAtSec,
        charge.reviewSec,
      ]);
      return rowCount === 1;
    } catch (error) {
      if (error instanceof pg.DatabaseError && error.constraint === 'job_pkey')
        throw new WeftError('JOB_UNFIT', 'this step of the job has paid for another call', { field: 'job.step' });
      throw isAnswer(error) ? error : ledgerUnavailable(error);
    }
  }

  /** Whether a step has paid for a call. */
  async isSpent(jobId: Uint8Array, step: number): Promise<boolean> {
    const { rows } = await this.#query('select 1 from provider.job where id = $1 and step = $2', [
      asBuffer(jobId),
      step,
    ]);
    return rows.length > 0;
  }

  /**
   * How many jobs of a client wait for their evaluation, and how many that expired since then came to nothing; without
   * the steps of `except`.
   */
  async countsOf(
    payer: Uint8Array,
    sinceSec: number,
    except: readonly Pick<ServedJob, 'jobId' | 'step'>[] = [],
  ): Promise<{ open: number; unpaid: number }> {
    const { rows } = await this.#query(
      `select count(*) filter (where state in ('ANSWERED', 'SUBMITTED'))::int as open,
              count(*) filter (where state = 'UNPAID' and expires_at_sec >= $2)::int as unpaid
         from provider.job where payer = $1 and (id, step) not in (select * from unnest($3::bytea[], $4::int[]))`,
      [
        asBuffer(payer),
        sinceSec,
        byteaArray(except.map(({ jobId }) => jobId)),
        numberArray(except.map(({ step }) => step)),
      ],
    );
    return rows[0] as unknown as { open: number; unpaid: number };
  }

  /**
   * What is not final, of these tenures: first what is to be handed in, which expires, then `JOBS_AT_ONCE` of what is to
   * be evaluated, from the first one past `after` on. The oldest first.
   */
  async open(
    tenures?: readonly Pick<ServedJob, 'asset' | 'tenure'>[],
    after?: Pick<ServedJob, 'expiresAtSec' | 'jobId' | 'step'>,
  ): Promise<ServedJob[]> {
    const of = [
      tenures && numberArray(tenures.map(({ asset }) => asset)),
      tenures && numberArray(tenures.map(({ tenure }) => tenure)),
    ];
    const [answered, submitted] = await Promise.all([
      this.#query(`${JOBS_OF} and state = 'ANSWERED' order by expires_at_sec limit ${JOBS_AT_ONCE}`, of),
      this.#query(
        `${JOBS_OF} and state = 'SUBMITTED' and (expires_at_sec, id, step) > ($3, $4, $5)
          order by expires_at_sec, id, step limit ${JOBS_AT_ONCE}`,
        [...of, after?.expiresAtSec ?? 0, asBuffer(after?.jobId ?? new Uint8Array()), after?.step ?? 0],
      ),
    ]);
    return [...answered.rows, ...submitted.rows].map(toJob);
  }

  async job(jobId: Uint8Array, step: number): Promise<(ServedJob & { readonly paid: bigint }) | undefined> {
    const { rows } = await this.#query('select * from provider.job where id = $1 and step = $2', [
      asBuffer(jobId),
      step,
    ]);
    const [row] = rows;
    return row && { ...toJob(row), paid: BigInt(row['paid'] as string) };
  }

  /** Takes over what the chain says. `paid`: what went to Revenue for the step. */
  async mark({ jobId, step }: Pick<ServedJob, 'jobId' | 'step'>, state: JobState, paid = 0n): Promise<void> {
    await this.#query('update provider.job set state = $3, paid = $4 where id = $1 and step = $2', [
      asBuffer(jobId),
      step,
      state,
      String(paid),
    ]);
  }

  async #query(text: string, values: unknown[]) {
    return await this.pool.query<Record<string, unknown>>(text, values).catch((error: unknown) => {
      throw ledgerUnavailable(error);
    });
  }
}

const JOBS_OF = `
select * from provider.job
 where ($1::numeric[] is null or (asset, tenure) in (select * from unnest($1::numeric[], $2::bigint[])))`;

const KEEP = `
with kept as (
  insert into provider.call (channel, payer, call_id, state, commitment, proof, response, body, amount, at_sec)
  values ($1, $3, $4, 'CHARGED', $5, $6, $7, $8, $9, $10)
  on conflict do nothing
  returning payer, call_id
)
insert into provider.job (id, step, payer, call_id, asset, tenure, amount, deliverable, expires_at_sec, review_sec, state)
select $1, $2, payer, call_id, $11, $12, $13, $14, $15, $16, 'ANSWERED' from kept`;

const toJob = (row: Record<string, unknown>): ServedJob => ({
  jobId: row['id'] as Buffer,
  step: Number(row['step']),
  asset: BigInt(row['asset'] as string),
  tenure: Number(row['tenure']),
  stepAmount: BigInt(row['amount'] as string),
  deliverable: row['deliverable'] as Buffer,
  expiresAtSec: Number(row['expires_at_sec']),
  reviewSec: Number(row['review_sec']),
  state: row['state'] as JobState,
});
