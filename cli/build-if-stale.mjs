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
const made = new Set(['gen', 'out', 'cache', 'artifacts', 'node_modules']);

/** Builds if any source is newer than the last build. Says so on stderr, with the time it took. */
export async function buildIfStale() {
  if (newest(sources.map((name) => join(root, name))) <= mtime(stamp)) return;
  const started = Date.now();
  process.stderr.write('weft: building (only after a change) …\n');
  await run('npm', ['run', '--silent', 'build']);
  writeFileSync(stamp, '');
  process.stderr.write(`weft: built in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
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

/** The build's own output goes to stderr: stdout belongs to `--json`. */
function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
    child.on('error', reject);
    child.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`${command} ${args.join(' ')} ended with ${code}`)),
    );
  });
}
