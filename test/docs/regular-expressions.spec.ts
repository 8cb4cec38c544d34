import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parseSync } from '@swc/core';

// Its native and Java forms are other packages, of few platforms.
process.env['RECHECK_BACKEND'] = 'pure';
const { checkSync } = await import('recheck');

interface Literal {
  readonly pattern: string;
  readonly flags: string;
  readonly file: string;
}

const folders = ['libs', 'services', 'cli', 'agents', 'workflows', 'contracts/client', 'examples'];
const files = execFileSync('git', ['ls-files', ...folders.map((each) => `${each}/*.ts`)], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '' && !file.endsWith('.spec.ts'));

/** Every regular expression that is written down, and the files that make one of a string. */
function regularExpressions(): { literals: Map<string, Literal>; made: string[] } {
  const literals = new Map<string, Literal>();
  const made: string[] = [];
  for (const file of files) {
    const tree = parseSync(readFileSync(file, 'utf8'), { syntax: 'typescript', decorators: true, target: 'es2022' });
    JSON.stringify(tree, (_, node) => {
      if (node?.type === 'RegExpLiteral') {
        const { pattern, flags } = node;
        literals.set(`/${pattern}/${flags}`, { pattern, flags, file });
      }
      if (/^(New|Call)Expression$/.test(node?.type) && node.callee?.value === 'RegExp') made.push(file);
      return node;
    });
  }
  return { literals, made };
}

const slow = (pattern: string, flags: string) => {
  // By the theory of automata: no guessing, the same answer each time.
  const found = checkSync(pattern, flags, { checker: 'automaton', timeout: 60_000 });
  if (found.status === 'safe') return [];
  return [found.status === 'vulnerable' ? `vulnerable ${found.complexity.type}` : found.status];
};

describe('T56 the regular expressions of this project', () => {
  const { literals, made } = regularExpressions();

  it('are checked by what finds slow ones', () => {
    expect(slow('^([a-z0-9]+-?)+$', '')).toEqual(['vulnerable exponential']);
    expect(slow('\\s+$', '')).toEqual(['vulnerable polynomial']);
    expect(slow('^[a-z]+$', '')).toEqual([]);
  });

  it('take linear time, whatever the text', () => {
    expect(literals.size).toBeGreaterThan(60);
    const found = [...literals].flatMap(([text, { pattern, flags, file }]) =>
      slow(pattern, flags).map((why) => `${text} in ${file}: ${why}`),
    );
    expect(found).toEqual([]);
  }, 180_000);

  it('are written down, not made of strings, but for one whose time its own test measures', () => {
    expect(made).toEqual(['services/models/entities/wink.ts']);
  });
});
