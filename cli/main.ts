import { weftHome } from '#platform/home.js';
import { runCli } from './command.js';
import { commandsFor } from './commands/index.js';

// Whoever reads us may stop reading: `weft runs | head -1`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const argv = process.argv.slice(2);
process.exitCode = await runCli(argv, await commandsFor(argv), {
  terminal: {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
  },
  defaultHome: weftHome(),
});
