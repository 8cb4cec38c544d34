import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandNames } from '#cli/commands/index.js';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const readme = read('README.md');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
const blocks = [...readme.matchAll(/```(\w*)\n([\s\S]*?)```/g)].map(([, language, text]) => ({
  language,
  text: text!,
}));

/** The programs themselves are run, against a whole marketplace, by test/e2e/marketplace.spec.ts. */
const programs = ['examples/read-a-scan.ts', 'examples/mood-of-a-scan.workflow.ts'];

describe('README', () => {
  it('shows programs as they stand in examples, where tests run them', () => {
    const shown = blocks.filter(({ language }) => language === 'ts').map(({ text }) => text);
    expect(shown).toEqual(programs.map(read));
  });

  it('names only commands, scripts and files that are there', () => {
    const lines = blocks.filter(({ language }) => language === 'sh').flatMap(({ text }) => text.trim().split('\n'));
    for (const line of lines) {
      const [, command] = /^npx weft (\w+)/.exec(line) ?? [];
      if (command !== undefined) expect(commandNames).toContain(command);
      for (const [, script] of line.matchAll(/npm (start|test|run \w+)/g))
        expect(Object.keys(scripts)).toContain(script!.replace('run ', ''));
    }
    for (const [, file] of readme.matchAll(/\]\(([^)#:]+)\)/g)) expect(() => read(file!)).not.toThrow(/ENOENT/);
  });
});
