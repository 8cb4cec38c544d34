// What forge would run, by file and contract, in the order of the sources (forge itself sorts by name).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { forge, root } from './foundry.mjs';

/** @returns {Record<string, Record<string, string[]>>} */
export function listTests() {
  const { status, stdout, stderr } = forge(['test', '--root', root, '--list', '--json']);
  if (status !== 0) throw new Error(`forge cannot list the tests:\n${stderr}${stdout}`);
  const listing = JSON.parse(stdout);
  for (const [file, contracts] of Object.entries(listing)) {
    const source = readFileSync(join(root, file), 'utf8');
    const inOrder = (kind, names) => names.toSorted((a, b) => placeOf(source, kind, a) - placeOf(source, kind, b));
    listing[file] = Object.fromEntries(
      inOrder('contract', Object.keys(contracts)).map((name) => [name, inOrder('function', contracts[name])]),
    );
  }
  return listing;
}

function placeOf(source, kind, name) {
  return source.search(new RegExp(`\\b${kind} ${name}\\b`));
}
