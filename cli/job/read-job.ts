import type { Job, JobStep, Jobs } from '#contracts/jobs.js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';

/** A job as the chain shows it. Errors: NOT_FOUND. */
export async function readJob(jobs: Jobs, jobId: Uint8Array): Promise<Job> {
  const job = await jobs.job(jobId);
  if (job.steps === 0) throw new WeftError('NOT_FOUND', `the chain has no job ${toHex(jobId)}`, { field: 'job' });
  return job;
}

/** Its steps, in their order. */
export const readSteps = (jobs: Jobs, jobId: Uint8Array, { steps }: Pick<Job, 'steps'>): Promise<JobStep[]> =>
  Promise.all(Array.from({ length: steps }, (_, step) => jobs.step(jobId, step)));
