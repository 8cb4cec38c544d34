import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** Have these names everywhere, not only with us. */
const known = ['DATABASE_URL', 'LOG_LEVEL', 'TEMPORAL_ADDRESS', 'TEMPORAL_API_KEY', 'TEMPORAL_TLS'];
/** Said by the system, not set for us. */
const system = ['PATH'];

/** Names in schemas of `loadConfig`, and those that are read one by one. */
function settingsInCode(): Set<string> {
  const found = new Set<string>();
  for (const folder of ['libs', 'services', 'cli', 'agents', 'examples', 'workflows']) {
    for (const path of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!path.endsWith('.ts') || path.endsWith('.spec.ts')) continue;
      const code = readFileSync(join(root, folder, path), 'utf8');
      for (const [, name] of code.matchAll(/process\.env(?:\.|\[')([A-Z][A-Z0-9_]*)/g)) found.add(name!);
      if (!code.includes("from 'zod'")) continue;
      for (const [, name] of code.matchAll(/^ {2,4}([A-Z][A-Z0-9_]*): (?:z|port|flag|list)\b/gm)) found.add(name!);
    }
  }
  return new Set([...found].filter((name) => !system.includes(name)));
}

const settingsInExample = (): string[] =>
  [...readFileSync(join(root, '.env.example'), 'utf8').matchAll(/^# ([A-Z][A-Z0-9_]*)=/gm)].map(([, name]) => name!);

describe('.env.example', () => {
  it('has every setting that the code reads, once, and no other', () => {
    const inCode = settingsInCode();
    for (const name of ['WEFT_HOME', 'WEFT_PORT', 'DATABASE_URL']) expect(inCode).toContain(name);
    expect(settingsInExample().sort()).toEqual([...inCode].sort());
  });

  it('names settings of ours WEFT_ and something', () => {
    expect(settingsInExample().filter((name) => !name.startsWith('WEFT_') && !known.includes(name))).toEqual([]);
  });
});
