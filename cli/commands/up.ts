import { type AddCommand, action, example } from '../command.js';
import { collectPair } from '../input/pairs.js';
import type { UpOptions } from '../up/up.js';

/** What `npm start` runs. */
export const addUp: AddCommand = (program) =>
  program
    .command('up')
    .option('--once', 'end everything after the run')
    .option('-i, --input <name=value>', 'an input of the run: text, or @file (repeatable)', collectPair)
    .description('Start a whole marketplace on this machine and run the pipeline "intake" on a scanned page')
    .addHelpText('after', example('npx weft up', 'npx weft up --once --json --input image=@photo.jpg'))
    .action(
      action<UpOptions>(async (context, options) => {
        // All the services' code: other commands start faster without it.
        const { up } = await import('../up/up.js');
        return up(context, options);
      }),
    );
