// Compiles src/*.sol with the npm solc to artifacts/<Name>.json {abi, bytecode, deployedBytecode, immutables}, and copies
// them beside the built bindings. Does nothing when no source, setting or library has changed.
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const contractsDir = fileURLToPath(new URL('..', import.meta.url));
const root = join(contractsDir, '..');
const artifactsDir = join(contractsDir, 'artifacts');
const distDir = join(root, 'dist', 'contracts', 'artifacts');
/** Not ours, but made by one of ours: where it is. */
const FOREIGN = { TimelockController: '@openzeppelin/contracts/governance/TimelockController.sol' };
/** Of the artifacts' form: what was compiled by an older script is compiled again. */
const FORM = 2;
/** 2394: transient storage in OpenZeppelin's guard, which clears it. */
const KNOWN_WARNINGS = new Set(['2394']);

if (process.argv[1] === fileURLToPath(import.meta.url)) build();

export function build() {
  const settings = readSettings();
  const sources = readSources();
  const contracts = { ...FOREIGN, ...contractsIn(sources) };
  const versions = ['solc', '@openzeppelin/contracts'].map(versionOf);
  const key = createHash('sha256')
    .update(JSON.stringify([FORM, sources, settings, versions]))
    .digest('hex');
  const names = Object.keys(contracts).sort();
  if (!isFresh(artifactsDir, key, names)) compile(sources, settings, key, contracts);
  if (!isFresh(distDir, key, names)) {
    rmSync(distDir, { recursive: true, force: true });
    cpSync(artifactsDir, distDir, { recursive: true });
  }
}

function readSettings() {
  const toml = readFileSync(join(root, 'foundry.toml'), 'utf8');
  const setting = (name) => {
    const value = new RegExp(`^${name} = "?([^"\\n]+)"?$`, 'm').exec(toml)?.[1];
    if (value === undefined) throw new Error(`foundry.toml has no ${name}`);
    return value;
  };
  return {
    optimizer: { enabled: true, runs: Number(setting('optimizer_runs')) },
    evmVersion: setting('evm_version'),
    metadata: { bytecodeHash: 'none', appendCBOR: false },
    outputSelection: {
      '*': {
        '': ['ast'],
        '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object', 'evm.deployedBytecode.immutableReferences'],
      },
    },
  };
}

function readSources() {
  const names = readdirSync(join(contractsDir, 'src'), { recursive: true }).filter((name) => name.endsWith('.sol'));
  const read = (name) => [`src/${name}`, { content: readFileSync(join(contractsDir, 'src', name), 'utf8') }];
  return Object.fromEntries(names.sort().map(read));
}

/** By name, where each is that can be deployed: neither abstract nor a library. */
function contractsIn(sources) {
  const found = Object.entries(sources).flatMap(([source, { content }]) =>
    [...content.matchAll(/^contract (\w+)/gm)].map(([, name]) => [name, source]),
  );
  return Object.fromEntries(found);
}

function versionOf(name) {
  return JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version;
}

function isFresh(directory, key, names) {
  const file = join(directory, '.key');
  const complete = ['.key', ...names.map((name) => `${name}.json`)].every((name) => existsSync(join(directory, name)));
  return complete && readFileSync(file, 'utf8') === key;
}

function compile(sources, settings, key, contracts) {
  const solc = require('solc');
  const input = { language: 'Solidity', sources, settings };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: readImport }));
  for (const problem of output.errors ?? []) {
    if (!KNOWN_WARNINGS.has(problem.errorCode)) console.error(problem.formattedMessage);
  }
  if (output.errors?.some((problem) => problem.severity === 'error')) throw new Error('the contracts do not compile');
  const names = immutableNames(output.sources);
  for (const [name, source] of Object.entries(contracts)) {
    const { abi, evm } = output.contracts[source][name];
    const artifact = {
      contractName: name,
      abi,
      bytecode: `0x${evm.bytecode.object}`,
      deployedBytecode: `0x${evm.deployedBytecode.object}`,
      immutables: immutablesOf(evm.deployedBytecode.immutableReferences, names),
    };
    write(join(artifactsDir, `${name}.json`), `${JSON.stringify(artifact)}\n`);
    console.error(`${name}: ${evm.deployedBytecode.object.length / 2} bytes`);
  }
  write(join(artifactsDir, '.key'), key);
}

/** Where in the deployed code the constructor puts each immutable, by the variable's name: byte offsets, 32 bytes each. */
function immutablesOf(references, names) {
  const found = {};
  for (const [id, places] of Object.entries(references)) {
    if (places.some(({ length }) => length !== 32)) throw new Error(`${names.get(id)} does not fill a word`);
    found[names.get(id)] = [...(found[names.get(id)] ?? []), ...places.map(({ start }) => start)];
  }
  return found;
}

/** By AST id. */
function immutableNames(sources) {
  const names = new Map();
  for (const { ast } of Object.values(sources)) {
    for (const contract of ast.nodes) {
      for (const node of contract.nodes ?? [])
        if (node.nodeType === 'VariableDeclaration' && node.mutability === 'immutable')
          names.set(String(node.id), node.name);
    }
  }
  return names;
}

function readImport(path) {
  try {
    return { contents: readFileSync(join(root, 'node_modules', path), 'utf8') };
  } catch (error) {
    return { error: String(error) };
  }
}

/** Whole or not at all: another process may be reading. */
function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text);
  renameSync(draft, path);
}
