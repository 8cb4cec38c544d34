import { readFile, stat } from 'node:fs/promises';
import { InvalidArgumentError } from 'commander';
import { WeftError } from '#core/errors.js';

/** One `name=value` or `name=@file` of the command line. */
export interface Pair {
  readonly name: string;
  readonly value: string;
  readonly fromFile: boolean;
}

/** Collects repeated `--field name=value` options for commander. */
export function collectPair(text: string, before: readonly Pair[] = []): Pair[] {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must look like name=value or name=@file.');
  const name = text.slice(0, at);
  const value = text.slice(at + 1);
  if (before.some((pair) => pair.name === name)) throw new InvalidArgumentError(`"${name}" is given twice.`);
  const fromFile = value.startsWith('@');
  if (fromFile && value.length === 1) throw new InvalidArgumentError(`"${name}=@" lacks the name of the file.`);
  return [...before, { name, value: fromFile ? value.slice(1) : value, fromFile }];
}

/** What a file may hold, in bytes: as much as a call may carry. */
export const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** The bytes of a pair: of its file, or of its text. */
export async function pairBytes(pair: Pair): Promise<Buffer> {
  if (!pair.fromFile) return Buffer.from(pair.value, 'utf8');
  const refuse = (message: string, options?: ErrorOptions): never => {
    throw new WeftError('INVALID_INPUT', `${pair.name}: ${message}`, { field: pair.name }, options);
  };
  const found = await stat(pair.value).catch((cause: unknown) => refuse(`cannot read ${pair.value}`, { cause }));
  if (!found.isFile()) refuse(`${pair.value} is not a file`);
  if (found.size > MAX_FILE_BYTES)
    refuse(`${pair.value} has ${found.size} bytes, more than the ${MAX_FILE_BYTES} that may be sent`);
  return readFile(pair.value).catch((cause: unknown) => refuse(`cannot read ${pair.value}`, { cause }));
}
