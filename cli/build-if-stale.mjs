import { spawn } from 'node:child_process';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'dist', '.built');
const sources = [
  'protos',
  'contracts',
  'libs',
  'services',
  'workflows',
  'agents',
  'cli',
  'test',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'buf.gen.yaml',
];
/** What `npm run build` does, with names for people. */
const stages = [
  ['messages from the protos', 'generate'],
  ['contracts', 'build:contracts'],
  ['code and workflows', 'build:code'],
];
const made = new Set(['gen', 'out', 'cache', 'artifacts', 'node_modules']);

/** Builds if any source is newer than the last build. Says so on stderr, with the time it took. */
export async function buildIfStale() {
  if (newest(sources.map((name) => join(root, name))) <= mtime(stamp)) return;
  process.stderr.write('building, which is needed only after a change\n');
  for (const [title, script] of stages) {
    const startedAtMs = Date.now();
    process.stderr.write(`  ${title} …\n`);
    await run('npm', ['run', '--silent', script]);
    process.stderr.write(`✔ ${title} ${((Date.now() - startedAtMs) / 1000).toFixed(1)} s\n`);
  }
  writeFileSync(stamp, '');
}

function newest(paths) {
  let latest = 0;
  for (const path of paths) {
    const info = statSync(path, { throwIfNoEntry: false });
    if (!info) continue;
    if (info.isDirectory()) {
      const inside = readdirSync(path).filter((name) => !made.has(name) && !name.startsWith('.'));
      latest = Math.max(latest, newest(inside.map((name) => join(path, name))));
    } else {
      latest = Math.max(latest, info.mtimeMs);
    }
  }
  return latest;
}

const mtime = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** The command's output is shown on stderr if it fails: stdout belongs to `--json`. */
function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) return resolve();
      process.stderr.write(Buffer.concat(output));
      reject(new Error(`${command} ${args.join(' ')} ended with ${code}`));
    });
  });
}
