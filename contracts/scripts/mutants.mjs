// `npm run mutants`: plants faults in the contracts, one at a time, and shows which of them the forge tests catch.
//
//   npm run mutants                    all; some twenty-five minutes
//   npm run mutants -- Revenue         those of one contract
//   npm run mutants -- --json          one line at the end: {"planted":n,"caught":n,"survivors":[…]}
//
// Exits with 1 if a fault survives that is not explained in mutants.json, or if one can no longer be planted.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { forge, forgeEnvironment, root } from './foundry.mjs';

const { values, positionals } = parseArgs({ options: { json: { type: 'boolean' } }, allowPositionals: true });

/** {contract, find, plant, what, equivalent?}: `find` stands in the source exactly once. */
const all = JSON.parse(readFileSync(new URL('mutants.json', import.meta.url), 'utf8'));
const chosen = positionals.length === 0 ? all : all.filter(({ contract }) => positionals.includes(contract));
if (chosen.length === 0) {
  const names = [...new Set(all.map(({ contract }) => contract))].join(', ');
  console.error(`no fault is known for ${positionals.join(', ')}: there are ${names}`);
  process.exit(2);
}

/** The folder with a contract's tests, where it is not called like it. They are asked first, for speed. */
const FOLDERS = { ChannelState: 'escrow', Incoming: 'escrow', ListingHash: 'shares', Portion: 'revenue' };

const place = mkdtempSync(join(tmpdir(), 'weft-mutants-'));
try {
  for (const name of ['foundry.toml', 'package.json']) cpSync(join(root, name), join(place, name));
  cpSync(join(root, 'contracts'), join(place, 'contracts'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(place, 'node_modules'));
  const sound = test();
  if (sound.failed) throw new Error(`the tests fail without any fault:\n${sound.output.slice(-2000)}`);
  const survivors = [];
  let caught = 0;
  for (const [i, mutant] of chosen.entries()) {
    const by = plant(mutant);
    if (by === undefined)
      survivors.push({ contract: mutant.contract, what: mutant.what, why: mutant.equivalent ?? null });
    else caught++;
    say(
      `${i + 1}/${chosen.length} ${mutant.contract}: ${mutant.what}: ${by === undefined ? 'SURVIVED' : `caught by ${by}`}`,
    );
  }
  const result = { planted: chosen.length, caught, survivors };
  console.log(values.json ? JSON.stringify(result) : summary(result));
  if (survivors.some(({ why }) => why === null)) process.exitCode = 1;
} finally {
  rmSync(place, { recursive: true, force: true });
}

/** The first test that fails with the fault, or undefined if none does. */
function plant({ contract, find, plant: fault, what }) {
  const file = join(place, 'contracts', 'src', `${contract}.sol`);
  const source = readFileSync(file, 'utf8');
  if (source.split(find).length !== 2) throw new Error(`${contract}.sol does not hold exactly once: ${find}`);
  writeFileSync(
    file,
    source.replace(find, () => fault),
  );
  try {
    const own = `contracts/test/${FOLDERS[contract] ?? contract.toLowerCase()}/*`;
    for (const only of [['--match-path', own], []]) {
      const { failed, output } = test(...only);
      if (failed && !/\[FAIL/.test(output))
        throw new Error(`${contract} with "${what}" does not compile:\n${output.slice(-2000)}`);
      if (failed) return firstFailure(output);
    }
    return undefined;
  } finally {
    writeFileSync(file, source);
  }
}

/** With its file, since several suites may have a test of the same name. */
function firstFailure(output) {
  const [, file, name] =
    /failing tests? in contracts\/test\/(\S+):\w+\n\[FAIL[\s\S]*?\b((?:test|testFuzz|invariant)_\w+)\(/.exec(output) ??
    [];
  return name === undefined ? 'a test' : `${file}: ${name}`;
}

function test(...only) {
  const args = ['test', '--root', place, '--color', 'never', '--fail-fast', ...only];
  const env = { ...forgeEnvironment, FOUNDRY_PROFILE: 'mutants' };
  const { status, stdout, stderr } = forge(args, { cwd: place, env });
  return { failed: status !== 0, output: stdout + stderr };
}

function say(line) {
  console.error(line);
}

function summary({ planted, caught, survivors }) {
  const lines = survivors.map(({ contract, what, why }) => `  ${contract}: ${what}${why === null ? '' : ` (${why})`}`);
  return [`${caught} of ${planted} faults were caught`, ...(lines.length === 0 ? [] : ['survivors:', ...lines])].join(
    '\n',
  );
}
