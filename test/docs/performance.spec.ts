import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { benches } from '#test/bench/benches.js';

const text = readFileSync(join(import.meta.dirname, '../../docs/PERFORMANCE.md'), 'utf8');
const sections = text.split(/^## /m).slice(1);

describe('docs/PERFORMANCE.md', () => {
  it('tells with every table of figures which bench gives them, and leaves no bench out', () => {
    const named = sections
      .filter((section) => /^\|/m.test(section))
      .map((section) => [...section.matchAll(/npm run bench -- ([\w-]+)/g)].map(([, name]) => name));
    for (const names of named) expect(names).not.toEqual([]);
    expect([...new Set(named.flat())].sort()).toEqual(Object.keys(benches).sort());
  });
});
