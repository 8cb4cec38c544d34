import { once } from 'node:events';
import { basename } from 'node:path';
import { createLogger } from '#platform/logging.js';
import { type AddCommand, action, example } from '../command.js';
import { workerLine } from '../output/worker-line.js';

/** "mood-of-a-scan.workflow.ts" is worked on from queue "mood-of-a-scan". */
export const queueOf = (file: string): string => basename(file).replace(/(\.workflows?)?\.[cm]?[jt]s$/, '');

export const addWorker: AddCommand = (program) =>
  program
    .command('worker')
    .argument('<file>', 'a file of workflows, TypeScript or JavaScript')
    .option('--task-queue <name>', "where it takes work from (default: the file's name)")
    .description('Run workflows of your own with the services of the marketplace, until Ctrl-C')
    .addHelpText('after', example('npx weft worker examples/mood-of-a-scan.workflow.ts'))
    .action(
      action<{ taskQueue?: string }>(async (context, options, file: string) => {
        const { DefaultLogger, Runtime } = await import('@temporalio/worker');
        const { runWorker } = await import('#services/worker/run-worker.js');
        Runtime.install({
          logger: new DefaultLogger('WARN', ({ message, meta }) => context.progress(workerLine(message, meta))),
          shutdownSignals: [],
        });
        const ended = Promise.race(['SIGINT', 'SIGTERM'].map((signal) => once(process, signal)));
        context.progress(`bundling ${file} …`);
        const worker = await runWorker({
          home: context.home,
          file,
          taskQueue: options.taskQueue ?? queueOf(file),
          logger: createLogger({ name: 'worker', level: 'warn' }),
        });
        context.progress(`working on task queue ${worker.taskQueue}; Ctrl-C ends it`);
        await Promise.race([ended, worker.ended]);
        await worker.close();
        return { json: { taskQueue: worker.taskQueue }, text: '' };
      }),
    );
