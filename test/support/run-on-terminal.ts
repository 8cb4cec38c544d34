import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export interface TerminalRun {
  /** Everything that the terminal showed. */
  readonly shown: string;
  /** Its exit code; below 0 the signal that ended it. */
  readonly code: number;
  /** How many questions never came. */
  readonly untyped: number;
}

const SECONDS = 45;

/** Runs a program on a terminal of its own, and answers each text that it waits for with keys ("\r" is Enter). */
export async function runOnTerminal(
  command: readonly string[],
  typed: readonly (readonly [waitFor: string, keys: string])[],
  env: NodeJS.ProcessEnv = {},
): Promise<TerminalRun> {
  const { NODE_OPTIONS: _, ...own } = process.env;
  const script = fileURLToPath(new URL('./terminal.py', import.meta.url));
  const asked = JSON.stringify({ command, typed, seconds: SECONDS });
  const { stdout } = await promisify(execFile)('python3', [script, asked], {
    env: { ...own, ...env },
    timeout: (SECONDS + 10) * 1_000,
  });
  return JSON.parse(stdout) as TerminalRun;
}
