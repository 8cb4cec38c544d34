/**
 * Names in package-lock.json what npm left out. npm forgets an optional package of another platform when the registry
 * at hand does not carry it, and from version 11 on refuses such a lock: `npm ci` then fails everywhere.
 *
 *   node .ci/complete-lock.mjs            after an `npm install` that changed the lock
 *   node .ci/complete-lock.mjs --list     only says what is missing
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const lockFile = fileURLToPath(new URL('../package-lock.json', import.meta.url));

/** Entries that are missing, by their place in the lock. */
function missingEntries(lock) {
  const missing = {};
  for (const [place, parent] of Object.entries(lock.packages))
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {}))
      if (!isFound(lock.packages, place, name))
        missing[`node_modules/${name}`] = {
          version,
          ...(parent.dev && { dev: true }),
          optional: true,
          ...platformOf(name),
        };
  return missing;
}

/** Looks where Node would: in the package's own folder, then upwards. */
function isFound(packages, place, name) {
  for (let folder = place; ; folder = folder.slice(0, folder.lastIndexOf('node_modules/')).replace(/\/$/, '')) {
    if (`${folder === '' ? '' : `${folder}/`}node_modules/${name}` in packages) return true;
    if (folder === '') return false;
  }
}

/** From "@scope/tool-linux-arm64-musl"; npm installs none whose platform is not its own. */
function platformOf(name) {
  const [, os, cpu, abi] =
    name.match(
      /(android|darwin|freebsd|linux|openharmony|win32)-(armv7|arm64|arm|ia32|loong64|ppc64|riscv64|s390x|x64)(?:-(\w+))?$/,
    ) ?? [];
  if (os === undefined) throw new Error(`cannot tell for which platform ${name} is`);
  const libc = abi?.startsWith('musl') ? 'musl' : abi?.startsWith('gnu') ? 'glibc' : undefined;
  return { os: [os], cpu: [cpu.replace('armv7', 'arm')], ...(libc && { libc: [libc] }) };
}

const lock = JSON.parse(readFileSync(lockFile, 'utf8'));
const missing = missingEntries(lock);
if (process.argv.includes('--list')) {
  for (const place of Object.keys(missing)) console.log(place);
} else {
  const entries = Object.entries({ ...lock.packages, ...missing });
  lock.packages = Object.fromEntries(entries.sort(([a], [b]) => a.localeCompare(b, 'en')));
  writeFileSync(lockFile, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`${Object.keys(missing).length} entries added`);
}
