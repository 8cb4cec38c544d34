// Finds Foundry's native binaries: on PATH, else the ones npm carries. Never npm's launchers: theirs exits 0 when tests fail.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Nothing is fetched, and nothing said about the version. */
export const forgeEnvironment = { ...process.env, FOUNDRY_OFFLINE: 'true', FOUNDRY_DISABLE_NIGHTLY_WARNING: '1' };

/** Runs forge to its end, in this project unless said otherwise, and keeps what it prints. */
export const forge = (args, { cwd = root, env = forgeEnvironment } = {}) =>
  spawnSync(findBinary('forge'), args, { cwd, env, encoding: 'utf8', maxBuffer: 2 ** 28 });

/** @param {'forge'} name */
export function findBinary(name) {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    // npm puts node_modules/.bin on PATH; what is there may be a launcher.
    if (directory === '' || directory.includes('node_modules')) continue;
    const path = join(directory, name);
    if (isExecutable(path)) return path;
  }
  try {
    const manifest = require.resolve(`@foundry-rs/${name}-linux-amd64/package.json`);
    return join(dirname(manifest), 'bin', name);
  } catch {
    throw new Error(`no ${name}: install Foundry so that \`${name}\` is on PATH (npm carries it for Linux x64 only)`);
  }
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
