// `npm run test:contracts`: forge's unit, fuzz and invariant tests, whether their names make a tree of facts
// (`npm run tree:contracts`), and what operations cost against the snapshot.
// Ends with one line "forge: N passed, N failed"; the exit code says the same. Further arguments go to forge.
// FOUNDRY_PROFILE=deep runs the fuzzers for long.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { build } from './compile.mjs';
import { readFacts } from './fact-tree.mjs';
import { findBinary, forgeEnvironment, root } from './foundry.mjs';
import { compareWithSnapshot } from './gas-snapshot.mjs';
import { listTests } from './list-tests.mjs';
import { measureGas } from './measure-gas.mjs';

const results = [];
try {
  build();
  results.push(await runForge(process.argv.slice(2)));
  results.push(checkTree());
  results.push(await checkGas());
} catch (error) {
  console.log(error);
  results.push({ passed: 0, failed: 1 });
}
const sum = (column) => results.reduce((total, result) => total + result[column], 0);
console.log(`forge: ${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = sum('failed') === 0 ? 0 : 1;

/** One test: every forge test has its place in the tree. */
function checkTree() {
  const { faults } = readFacts(listTests());
  for (const fault of faults) console.log(`[FAIL] ${fault}`);
  return faults.length === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** One test: nothing costs more or less than the snapshot says. */
async function checkGas() {
  const changes = compareWithSnapshot(await measureGas());
  if (changes.length === 0) return { passed: 1, failed: 0 };
  for (const change of changes) console.log(`[FAIL] gas of ${change}`);
  console.log('if that is meant: npm run gas -- --update');
  return { passed: 0, failed: 1 };
}

/** Counts what forge says, and trusts it only if its exit code agrees. */
async function runForge(args) {
  const child = spawn(findBinary('forge'), ['test', '--root', root, '--color', 'never', ...args], {
    cwd: root,
    env: forgeEnvironment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (chunk) => {
    output += chunk;
    process.stdout.write(chunk);
  });
  const [code] = await once(child, 'close');
  const suites = [...output.matchAll(/^Suite result: (ok|FAILED)\. (\d+) passed; (\d+) failed;/gm)];
  const count = (column) => suites.reduce((sum, suite) => sum + Number(suite[column]), 0);
  const [passed, failed] = [count(2), count(3)];
  const good = code === 0 && suites.length > 0 && suites.every((suite) => suite[1] === 'ok');
  return { passed, failed: good ? failed : Math.max(failed, 1) };
}
