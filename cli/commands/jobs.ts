import { toHex } from '#core/hex.js';
import { type AddCommand, action, example } from '../command.js';
import { table } from '../output/table.js';
import { localTime, shortHex, shortMethod } from '../output/units.js';
import { openWallet } from '../wallet.js';

export const addJobs: AddCommand = (program) =>
  program
    .command('jobs')
    .description('List the jobs that the payer has funded, newest expiry first, and what became of their money')
    .addHelpText('after', example('npx weft jobs'))
    .action(
      action(async (context) => {
        const jobs = await (await openWallet(context)).jobs();
        const rows = jobs.map((job) => [
          toHex(job.jobId),
          shortMethod(job.method),
          String(job.asset),
          job.state.toLowerCase(),
          String(job.amount),
          String(job.paid),
          shortHex(toHex(job.evaluator)),
          localTime(job.expiresAtSec),
        ]);
        const columns = [
          { title: 'JOB', maxWidth: 66 },
          { title: 'METHOD' },
          { title: 'ASSET', align: 'right' as const },
          { title: 'STATE' },
          { title: 'AMOUNT', align: 'right' as const },
          { title: 'PAID', align: 'right' as const },
          { title: 'EVALUATOR' },
          { title: 'EXPIRES' },
        ];
        return { json: { jobs }, text: rows.length === 0 ? 'no jobs yet' : table(columns, rows) };
      }),
    );
