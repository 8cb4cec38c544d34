import type { JobStep } from '#contracts/jobs.js';
import { WeftError } from '#core/errors.js';
import { fromHex, sameBytes, toHex } from '#core/hex.js';
import { parseAmount } from '#core/money.js';
import type { JobVerdict } from '#payments/payer/wallet.js';
import { type AddCommand, type Answer, action, type Context, example } from '../command.js';
import { openEconomy } from '../economy.js';
import { readJob, readSteps } from '../job/read-job.js';
import { refund } from '../job/refund.js';
import { table } from '../output/table.js';
import { localTime } from '../output/units.js';
import { asOption } from '../signer.js';
import { openWallet } from '../wallet.js';

interface VerdictOptions {
  readonly as?: string;
  readonly amount?: string;
  readonly deliverable?: string;
}

/** `weft job show JOB`, `weft job complete JOB STEP`, `weft job reject JOB STEP`, `weft job refund JOB`. */
export const addJob: AddCommand = (program) => {
  const job = program
    .command('job')
    .description('Show a job, decide about one of its steps as its evaluator, or have an expired one given back')
    .addHelpText(
      'after',
      example(
        'npx weft job show 0x5f0c…',
        'npx weft job complete 0x5f0c… 0 --as evaluator',
        'npx weft job reject 0x5f0c… 0',
        'npx weft job refund 0x5f0c…',
      ),
    );
  job
    .command('show')
    .argument('<job>', 'its id, "0x…"')
    .description('Show what the chain knows of a job: who evaluates it, until when, and its steps')
    .addHelpText('after', example('npx weft job show 0x5f0c…'))
    .action(action((context, _options, id: string) => show(context, id)));
  job
    .command('complete')
    .argument('<job>', 'its id, "0x…"')
    .argument('<step>', 'from 0')
    .option('--as <file>', "the evaluator's private key; default: the payer's wallet, which pays what the receipt says")
    .option('--amount <amount>', 'pay only this much, in minor units; the rest goes back (with --as)')
    .option('--deliverable <digest>', 'refuse if anything but this was handed in (with --as)')
    .description('Accept what was handed in for a step: its provider is paid')
    .addHelpText('after', example('npx weft job complete 0x5f0c… 0 --as evaluator --amount 2000'))
    .action(
      action<VerdictOptions>((context, options, id: string, step: string) =>
        decide(context, options, 'accept', id, step),
      ),
    );
  job
    .command('reject')
    .argument('<job>', 'its id, "0x…"')
    .argument('<step>', 'from 0')
    .addOption(asOption("the payer's wallet"))
    .description('Refuse a step: its money goes back to the client')
    .addHelpText('after', example('npx weft job reject 0x5f0c… 0 --as evaluator'))
    .action(
      action<VerdictOptions>((context, options, id: string, step: string) =>
        decide(context, options, 'reject', id, step),
      ),
    );
  job
    .command('refund')
    .argument('<job>', 'its id, "0x…"')
    .addOption(asOption('owner'))
    .description('Give the steps of an expired job for which nothing was handed in back to its client; anyone may')
    .addHelpText('after', example('npx weft job refund 0x5f0c…', 'npx weft job refund 0x5f0c… --as client'))
    .action(action(refund));
};

async function show(context: Context, id: string): Promise<Answer> {
  const jobId = fromHex(id, 'job', 32);
  const { jobs } = await openEconomy(context);
  const found = await readJob(jobs, jobId);
  const steps = await readSteps(jobs, jobId, found);
  const rows = steps.map((step, i) => [
    String(i),
    String(step.asset),
    String(step.tenure),
    step.status,
    String(step.amount),
    step.submittedAtSec === 0 ? '' : localTime(step.submittedAtSec + found.reviewSec),
    step.submittedAtSec === 0 ? '' : toHex(step.deliverable),
  ]);
  const right = (title: string) => ({ title, align: 'right' as const });
  const columns = [
    right('STEP'),
    right('ASSET'),
    right('TENURE'),
    { title: 'STATUS' },
    right('AMOUNT'),
    { title: 'REVIEW ENDS' },
    { title: 'DELIVERABLE', maxWidth: 66 },
  ];
  const lines = [
    `job        ${toHex(jobId)}`,
    `client     ${toHex(found.client)}`,
    `evaluator  ${toHex(found.evaluator)}`,
    `expires    ${localTime(found.expiresAtSec)}`,
    '',
    table(columns, rows),
  ];
  return { json: { jobId, ...found, steps }, text: lines.join('\n') };
}

async function decide(
  context: Context,
  options: VerdictOptions,
  verdict: JobVerdict,
  id: string,
  stepText: string,
): Promise<Answer> {
  const jobId = fromHex(id, 'job', 32);
  if (!/^\d{1,2}$/.test(stepText))
    throw new WeftError('INVALID_INPUT', `step must be a number from 0, not "${stepText}"`, { field: 'step' });
  const step = Number(stepText);
  return options.as === undefined
    ? await byWallet(context, options, verdict, jobId, step)
    : await byKey(context, { ...options, as: options.as }, verdict, jobId, step);
}

/** The payer evaluates its own jobs, each of which has one step. */
async function byWallet(
  context: Context,
  { amount, deliverable }: VerdictOptions,
  verdict: JobVerdict,
  jobId: Uint8Array,
  step: number,
): Promise<Answer> {
  if (amount !== undefined || deliverable !== undefined)
    throw new WeftError(
      'INVALID_INPUT',
      '--amount and --deliverable are for an evaluator of its own: name it with --as',
      {
        field: amount === undefined ? 'deliverable' : 'amount',
      },
    );
  const wallet = await openWallet(context);
  const known = (await wallet.jobs()).find((job) => sameBytes(job.jobId, jobId));
  if (known === undefined || step !== 0)
    throw new WeftError(
      'NOT_FOUND',
      `the wallet has funded no such step: name the evaluator's key with --as, or see "npx weft jobs"`,
      { field: known === undefined ? 'job' : 'step' },
    );
  const job = await wallet.evaluateJob(known.callId, verdict);
  return { json: job, text: `${job.state.toLowerCase()}: ${job.paid} of ${job.amount} went to the provider` };
}

async function byKey(
  context: Context,
  { as: who, amount, deliverable }: VerdictOptions & { readonly as: string },
  verdict: JobVerdict,
  jobId: Uint8Array,
  step: number,
): Promise<Answer> {
  const economy = await openEconomy(context);
  const { jobs } = economy;
  const sender = economy.signer(who);
  const found = await jobs.step(jobId, step);
  const part = amount === undefined ? undefined : parseAmount(amount, 'amount');
  const handedIn = deliverable === undefined ? found.deliverable : fromHex(deliverable, 'deliverable', 32);
  if (verdict === 'accept') checkHandedIn(found, part);
  await sender.send(
    verdict === 'reject'
      ? jobs.reject(jobId, step)
      : part === undefined
        ? jobs.complete(jobId, step, handedIn)
        : jobs.completeInPart(jobId, step, handedIn, part),
  );
  const paid = verdict === 'reject' ? 0n : (part ?? found.amount);
  const json = { jobId, step, state: verdict === 'reject' ? 'REJECTED' : 'COMPLETED', paid, amount: found.amount };
  return { json, text: `${json.state.toLowerCase()}: ${paid} of ${found.amount} went to the provider` };
}

function checkHandedIn({ status, amount }: JobStep, part: bigint | undefined): void {
  if (status !== 'submitted')
    throw new WeftError('JOB_UNFIT', `this step is ${status}: only what was handed in can be accepted`, { status });
  if (part !== undefined && (part === 0n || part > amount))
    throw new WeftError('INVALID_INPUT', `--amount must be 1 to ${amount}; to pay nothing, reject the step`, {
      field: 'amount',
    });
}
