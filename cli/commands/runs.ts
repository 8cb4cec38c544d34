import type { RunSummary } from '#services/gateway/runs/run-views.js';
import { type AddCommand, action, example } from '../command.js';
import { openGateway } from '../gateway/open-gateway.js';
import { table } from '../output/table.js';
import { localTime } from '../output/units.js';

export const addRuns: AddCommand = (program) =>
  program
    .command('runs')
    .option('--limit <n>', 'how many at most', '20')
    .description('List runs, newest first')
    .addHelpText('after', example('npx weft runs --limit 5'))
    .action(
      action<{ limit: string }>(async (context, { limit }) => {
        const gateway = await openGateway(context);
        const answer = await gateway.get<{ runs: RunSummary[] }>(`/v1/runs?limit=${encodeURIComponent(limit)}`);
        const rows = answer.runs.map((run) => [
          run.runId,
          run.pipeline,
          run.status,
          localTime(run.startedAtSec),
          run.endedAtSec === undefined ? '' : `${run.endedAtSec - run.startedAtSec} s`,
        ]);
        const columns = [
          { title: 'RUN' },
          { title: 'PIPELINE' },
          { title: 'STATUS' },
          { title: 'STARTED' },
          { title: 'TOOK', align: 'right' as const },
        ];
        return { json: answer, text: rows.length === 0 ? 'no runs yet' : table(columns, rows) };
      }),
    );
