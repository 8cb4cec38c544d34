// `npm test` after the build: Jest, with the contracts' tests compiled beside it, and then forge, whatever Jest said. What
// does not compile is told again by forge, and counted there.
import { spawn } from 'node:child_process';

/** Gives the exit code. */
const run = (command, ...args) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit' });
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });

const compiling = run(process.execPath, 'contracts/scripts/compile-tests.mjs');
const jest = await run('npm', 'run', 'test:jest');
await compiling;
const forge = await run('npm', 'run', 'test:contracts');
process.exitCode = jest === 0 && forge === 0 ? 0 : 1;
