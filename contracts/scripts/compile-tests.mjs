// Compiles the contracts' tests, which takes one core more than a minute, with what others leave of it: `npm test` does that
// beside Jest. forge, when it tests, does not compile again what is there.
import { constants, setPriority } from 'node:os';
import { forge, root } from './foundry.mjs';

setPriority(constants.priority.PRIORITY_LOW);
const { status, error, stdout, stderr } = forge(['build', '--root', root, '--color', 'never']);
if (status !== 0) {
  console.log(`the contracts' tests do not compile:\n${error ?? stderr}${stdout}`);
  process.exitCode = 1;
}
