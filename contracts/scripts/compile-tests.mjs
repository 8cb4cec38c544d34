// Compiles the contracts' tests, which takes one core more than a minute, with what others leave of it: `npm test` does that
// beside Jest. forge, when it tests, does not compile again what is there.
import { spawnSync } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { findBinary } from './foundry.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

setPriority(constants.priority.PRIORITY_LOW);
const { status, error, stdout, stderr } = spawnSync(
  findBinary('forge'),
  ['build', '--root', root, '--color', 'never'],
  {
    cwd: root,
    env: { ...process.env, FOUNDRY_OFFLINE: 'true', FOUNDRY_DISABLE_NIGHTLY_WARNING: '1' },
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  },
);
if (status !== 0) {
  console.log(`the contracts' tests do not compile:\n${error ?? stderr}${stdout}`);
  process.exitCode = 1;
}
