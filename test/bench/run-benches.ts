import { parseArgs } from 'node:util';
import { table } from '#cli/output/table.js';
import type { Result } from './bench.js';
import { benches } from './benches.js';

export interface Streams {
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

const names = Object.keys(benches);

const help = `npm run bench [-- NAME …] [-- --json] [-- --quick]

Figures and ratios, both sides of a comparison in one run. Without a name all run, which takes about ten minutes.

${names.map((name) => `  ${name.padEnd(10)}  ${benches[name]?.about}`).join('\n')}

  --json      one line of JSON for each bench on stdout, instead of a table
  --quick     everything a few times only: shows that a bench works, its figures mean nothing

for example: npm run bench -- paid-call --json`;

/** Runs what the arguments ask for. Gives the exit code: 2 for arguments that are wrong. */
export async function runBenches(argv: readonly string[], { out, err }: Streams): Promise<number> {
  const wanted = read(argv);
  if ('problem' in wanted) {
    err(wanted.problem);
    return 2;
  }
  if (wanted.help) {
    out(help);
    return 0;
  }
  for (const [name, bench] of Object.entries(benches)) {
    if (!wanted.names.includes(name)) continue;
    const { run } = await bench.load();
    const result = await run({ quick: wanted.quick, say: (line) => err(`${name}: ${line}`) });
    out(wanted.json ? JSON.stringify({ bench: name, ...result.figures }) : text(name, result));
  }
  return 0;
}

type Wanted =
  | { readonly problem: string }
  | { readonly names: readonly string[]; readonly json: boolean; readonly quick: boolean; readonly help: boolean };

function read(argv: readonly string[]): Wanted {
  const flag = { type: 'boolean', default: false } as const;
  const options = { json: flag, quick: flag, help: flag };
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
    const unknown = positionals.find((name) => !Object.hasOwn(benches, name));
    if (unknown !== undefined) return { problem: `no bench is called ${unknown}: there are ${names.join(', ')}` };
    return { ...values, names: positionals.length > 0 ? positionals : names };
  } catch (error) {
    return { problem: `${(error as Error).message.split('. ')[0]}: see npm run bench -- --help` };
  }
}

function text(name: string, { rows: [titles = [], ...rows] }: Result): string {
  const columns = titles.map((title, i) => ({ title, align: i === 0 ? ('left' as const) : ('right' as const) }));
  return `\n${name}\n${table(columns, rows)}`;
}
