import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '#platform/home.js';
import { tempDir } from './temp-dir.js';

const run = promisify(execFile);
const quiet = ['--offline', '--ignore-scripts', '--no-audit', '--no-fund'];

/**
 * Packs Weft and lets npm install the tarball into an empty folder; gives the folder. The packages that ours depends
 * on are links into the clone, so that nothing is fetched: npm takes them if they are what the tarball asks for, and
 * what its package.json does not name is not there. `devDependencies`: what the folder's own project uses besides.
 */
export async function installPackage(devDependencies: readonly string[]): Promise<string> {
  const root = packageRoot();
  const folder = tempDir();
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder, ...quiet], { cwd: root });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];

  const ours = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const name of [...Object.keys({ ...ours.dependencies, ...ours.optionalDependencies }), ...devDependencies]) {
    const from = join(root, 'node_modules', name);
    const to = join(folder, 'node_modules', name);
    mkdirSync(dirname(to), { recursive: true });
    if (existsSync(from)) symlinkSync(from, to);
  }
  const versions = Object.fromEntries(devDependencies.map((name) => [name, ours.devDependencies[name]]));
  const project = { name: 'stranger', private: true, type: 'module', devDependencies: versions };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(project));
  await run('npm', ['install', ...quiet, filename], { cwd: folder });
  return folder;
}
