import { type AddCommand, runCli } from '#cli/command.js';
import type { ExitCode } from '#cli/exit-codes.js';

/** Runs one command line in this process and gives what it wrote. */
export async function runHere(
  commands: readonly AddCommand[],
  argv: readonly string[],
  home = '/home/of/weft',
): Promise<{ code: ExitCode; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const terminal = {
    out: (text: string) => {
      out.push(text);
    },
    err: (text: string) => {
      err.push(text);
    },
  };
  const code = await runCli(argv, commands, { terminal, defaultHome: home });
  return { code, out: out.join(''), err: err.join('') };
}
