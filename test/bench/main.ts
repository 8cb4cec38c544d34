/** `npm run bench [-- name] [-- --json]`; see --help. */
import { runBenches } from './run-benches.js';

process.exitCode = await runBenches(process.argv.slice(2), {
  out: (line) => console.log(line),
  err: (line) => console.error(line),
});
