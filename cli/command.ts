import { Command, CommanderError, Option } from 'commander';
import { WeftError } from '#core/errors.js';
import { type ExitCode, exitCodeOf, exitCodes } from './exit-codes.js';
import { errorJson, errorLine } from './output/report-error.js';
import { toJson } from './output/to-json.js';

/** Where a command writes. stdout is for the answer, stderr for everything on the way to it. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
}

/** What a command answers: one value for programs, text for people. */
export interface Answer {
  readonly json: unknown;
  readonly text: string;
}

/** What every command is given besides its own arguments. */
export interface Context {
  /** Folder of the marketplace's state. */
  readonly home: string;
  readonly asJson: boolean;
  /** Part of the answer that is known early; on stderr under `--json`. */
  print(line: string): void;
  /** What is going on. */
  progress(line: string): void;
  /** Closed, last first, when the command has ended, however it ended. */
  closeLater<T extends { close(): unknown }>(part: T): T;
}

/** Adds one command to the program. */
export type AddCommand = (program: Command) => void;

interface Environment {
  readonly terminal: Terminal;
  readonly defaultHome: string;
}

const environments = new WeakMap<Command, Environment>();

/** Turns a function from (context, options, arguments) into a commander action. One that gives nothing has answered already. */
export function action<O>(run: (context: Context, options: O, ...args: never[]) => Promise<Answer | undefined>) {
  return async (...given: unknown[]): Promise<void> => {
    const command = given.at(-1) as Command;
    const { terminal } = environmentOf(command);
    const options = command.optsWithGlobals<O & { json?: boolean; home: string }>();
    const asJson = options.json === true;
    const parts: { close(): unknown }[] = [];
    const context: Context = {
      home: options.home,
      asJson,
      print: (line) => (asJson ? terminal.err(`${line}\n`) : terminal.out(`${line}\n`)),
      progress: (line) => terminal.err(`${line}\n`),
      closeLater: (part) => {
        parts.push(part);
        return part;
      },
    };
    try {
      const answer = await run(context, options, ...(given.slice(0, -2) as never[]));
      const text = answer && (asJson ? toJson(answer.json) : answer.text);
      if (text) terminal.out(`${text}\n`);
    } finally {
      for (const part of parts.reverse()) await part.close();
    }
  };
}

function environmentOf(command: Command): Environment {
  for (let at: Command | null = command; at !== null; at = at.parent) {
    const found = environments.get(at);
    if (found !== undefined) return found;
  }
  throw new Error('the command belongs to no program');
}

/** Text below a command's help. */
export const example = (...lines: string[]): string =>
  `\nExample${lines.length > 1 ? 's' : ''}:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`;

/** Runs one command line (without "node" and the script) to its end and gives the exit code; never throws. */
export async function runCli(
  argv: readonly string[],
  commands: readonly AddCommand[],
  environment: Environment,
): Promise<ExitCode> {
  const { terminal } = environment;
  const program = new Command('weft')
    .description('Find AI services, call them, chain them, and pay for exactly what was done.')
    .addOption(new Option('--home <folder>', 'state of the marketplace').default(environment.defaultHome))
    .option('--json', 'print one JSON value on stdout')
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) })
    .exitOverride();
  environments.set(program, environment);
  for (const add of commands) add(program);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCodes.ok;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const error = WeftError.from(thrown);
    if (program.opts<{ json?: boolean }>().json === true) terminal.out(`${toJson(errorJson(error))}\n`);
    terminal.err(`${errorLine(error)}\n`);
    return exitCodeOf(error);
  }
}
