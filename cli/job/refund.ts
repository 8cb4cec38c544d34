import { type JobStep, parseJobsLogs } from '#contracts/jobs.js';
import { WeftError } from '#core/errors.js';
import { fromHex, toHex } from '#core/hex.js';
import type { Answer, Context } from '../command.js';
import { openEconomy } from '../economy.js';
import { localTime } from '../output/units.js';
import { readJob, readSteps } from './read-job.js';

interface Step extends JobStep {
  /** What went to the provider. */
  readonly paid: bigint;
}

/** `weft job refund`: gives an expired job back to its client, whoever asks, and pays it out if the client himself does. */
export async function refund(context: Context, { as }: { readonly as?: string }, id: string): Promise<Answer> {
  const jobId = fromHex(id, 'job', 32);
  const economy = await openEconomy(context);
  const { jobs } = economy;
  const job = await readJob(jobs, jobId);
  const client = toHex(job.client);
  const sender = economy.signer(as);
  const isClient = sender.address.toLowerCase() === client;
  const told = async (): Promise<Step[]> => {
    const steps = await readSteps(jobs, jobId, job);
    const { blockNumber } = economy.contracts;
    return await Promise.all(
      steps.map(async (step, n) => ({
        ...step,
        paid: step.status === 'completed' ? await jobs.paidFor(jobId, n, blockNumber) : 0n,
      })),
    );
  };
  const line = (step: Step, n: number) => `step ${n}  ${stepText(step, job.reviewSec)}`;

  const before = await told();
  const isLeft = before.some(({ status }) => status === 'funded');
  const waiting = isClient ? await jobs.balanceOf(client) : 0n;
  if (!isLeft && waiting === 0n)
    throw new WeftError(
      'JOB_UNFIT',
      `nothing of this job is left to give back: ${before.map((step, n) => line(step, n).replace('  ', ' ')).join('; ')}`,
      { jobId: toHex(jobId), client },
    );
  if (isLeft && (await economy.nowSec()) < job.expiresAtSec)
    throw new WeftError(
      'JOB_UNFIT',
      `it is too early: work may be handed in until ${localTime(job.expiresAtSec)}, and from then on anyone may have the rest ` +
        'given back; before that, its evaluator may end a step with "npx weft job reject"',
      { jobId: toHex(jobId), expiresAtSec: String(job.expiresAtSec) },
    );

  let refunded = 0n;
  let transaction: string | null = null;
  if (isLeft) {
    const { hash, logs } = await sender.send(jobs.claimRefund(jobId));
    transaction = hash;
    for (const event of parseJobsLogs(logs, jobs.address)) if (event.name === 'Refunded') refunded += event.amount;
  }
  const withdrawn = isClient ? await jobs.balanceOf(client) : 0n;
  if (withdrawn > 0n) await sender.send(jobs.withdraw(withdrawn, client));
  const steps = await told();
  const where = isClient
    ? `paid out to ${client}: ${withdrawn}, all that jobs have given back to it`
    : `it waits in the contract of jobs for ${client}: the payer's wallet fetches it by itself, another client with this command and --as`;
  const lines = [...(isLeft ? [`given back: ${refunded} to ${client}`] : []), where, ...steps.map(line)];
  return { json: { jobId, client, refunded, withdrawn, transaction, steps }, text: lines.join('\n') };
}

function stepText({ status, amount, paid, asset, submittedAtSec }: Step, reviewSec: number): string {
  switch (status) {
    case 'completed':
      return `completed: ${paid} of ${amount} went to asset ${asset}, the rest to the client`;
    case 'rejected':
    case 'expired':
      return `${status}: ${amount} went to the client`;
    case 'submitted':
      return `handed in: ${amount} waits for the evaluator until ${localTime(submittedAtSec + reviewSec)}, then it is the provider's`;
    default:
      return `${status}: ${amount} waits for work`;
  }
}
