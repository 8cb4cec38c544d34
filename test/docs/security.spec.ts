import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const skipped = new Set(['node_modules', 'dist', 'gen', 'out', 'cache', 'artifacts', '.git']);

function* testFiles(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!skipped.has(entry.name)) yield* testFiles(path);
    } else if (/\.(spec\.ts|t\.sol)$/.test(entry.name) && path !== import.meta.filename) yield path;
  }
}

/** Rows named in the titles of tests; Solidity names carry them between underscores. */
function rowsInTests(): Set<string> {
  const rows = new Set<string>();
  for (const path of testFiles(root)) {
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      if (!/\b(it|test|describe)\b|function (test|invariant|statefulFuzz)|'[TI]\d/.test(line)) continue;
      for (const [row] of line.matchAll(/(?<![A-Za-z0-9])[TI]\d{1,2}(?![0-9])/g)) rows.add(row);
    }
  }
  return rows;
}

const document = readFileSync(join(root, 'docs/SECURITY.md'), 'utf8');
const table = document
  .split('\n')
  .map((line) => /^\| ([TI]\d+) \|.*\| (held|open|part|n\/a) \|/.exec(line))
  .filter((match) => match !== null)
  .map(([, row, state]) => ({ row: row!, state: state! }));

describe('docs/SECURITY.md', () => {
  it('has every row once: I1 to I15 and T1 to T70', () => {
    const wanted = [
      ...Array.from({ length: 15 }, (_, i) => `I${i + 1}`),
      ...Array.from({ length: 70 }, (_, i) => `T${i + 1}`),
    ];
    expect(table.map(({ row }) => row).sort()).toEqual(wanted.sort());
  });

  it('names no Solidity test that is not there', () => {
    const named = [...document.matchAll(/`([\w/]+\.t\.sol)`: ([^;|`]*)/g)].flatMap(([, file, text]) =>
      [...text!.matchAll(/\b(?:test|testFuzz|invariant)_\w+/g)].map(([name]) => ({ file: file!, name })),
    );
    expect(named.length).toBeGreaterThan(50);
    const has = (file: string, name: string) =>
      readFileSync(join(root, 'contracts/test', file), 'utf8').includes(`function ${name}`);
    expect(named.filter(({ file, name }) => !has(file, name))).toEqual([]);
  });

  it('calls no row held that no test names', () => {
    const tested = rowsInTests();
    expect(table.filter(({ row, state }) => state === 'held' && !tested.has(row))).toEqual([]);
  });
});
