import type { Reason } from '#core/reasons.js';

/** What an error of a contract means to a person: the reason for programs, and a sentence that also says what to do next. */
export interface Sentence {
  readonly reason: Reason;
  /** With the error's arguments in braces: `{asset}`, or with how it is written, `{untilSec:time}` (see `formats`). */
  readonly text: string;
}

/** Sentences by the errors' declarations as Solidity has them. Names of arguments are ours: they become the error's details. */
export type Sentences = Readonly<Record<string, Sentence>>;

const sentence =
  (reason: Reason) =>
  (text: string): Sentence => ({ reason, text });

/** What the caller sent is wrong, whatever the state of the chain. */
export const badInput = sentence('INVALID_INPUT');
/** Somebody else may do this. */
export const notYours = sentence('PERMISSION_DENIED');
/** Not in this state, or not at this time. */
export const notNow = sentence('TRANSACTION_REVERTED');
export const notFound = sentence('NOT_FOUND');
export const tooLittle = sentence('FUNDS_TOO_LOW');
export const badSignature = sentence('BAD_SIGNATURE');
/** No use of our own can come to this. */
export const fault = sentence('INTERNAL');
export const otherwise = sentence;

const pad = (n: number) => String(n).padStart(2, '0');

/** Seconds as "3 d", "1 h 30 min", "45 s". */
function span(seconds: bigint): string {
  const parts: [bigint, string][] = [
    [seconds / 86_400n, 'd'],
    [(seconds / 3_600n) % 24n, 'h'],
    [(seconds / 60n) % 60n, 'min'],
    [seconds % 60n, 's'],
  ];
  const told = parts.filter(([n]) => n > 0n).slice(0, 2);
  return told.length === 0 ? '0 s' : told.map(([n, unit]) => `${n} ${unit}`).join(' ');
}

const MAX_TIME_SEC = 8_640_000_000_000n;

/** "2026-03-01 12:00:00 UTC" */
function time(seconds: bigint): string {
  if (seconds > MAX_TIME_SEC) return `second ${seconds}`;
  const at = new Date(Number(seconds) * 1000);
  const day = `${at.getUTCFullYear()}-${pad(at.getUTCMonth() + 1)}-${pad(at.getUTCDate())}`;
  return `${day} ${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}:${pad(at.getUTCSeconds())} UTC`;
}

/** Basis points: 1250 is "12.5 %". */
const percent = (bps: bigint): string => `${Number(bps) / 100} %`;

const formats: Readonly<Record<string, (value: bigint) => string>> = { time, span, percent };

/** Fills a sentence in. `{status:none|open|closed}` names the values of an enumeration. */
export function fillIn(text: string, args: Readonly<Record<string, unknown>>): string {
  return text.replace(/\{(\w+)(?::([\w |]+))?\}/g, (_all, name: string, format: string | undefined) => {
    const value = args[name];
    if (value === undefined) throw new Error(`the sentence "${text}" names ${name}, which the error does not have`);
    if (format === undefined) return String(value);
    const words = format.split('|');
    if (words.length > 1) return words[Number(value)] ?? String(value);
    const write = formats[format];
    if (write === undefined) throw new Error(`the sentence "${text}" wants the format ${format}, which there is not`);
    return write(value as bigint);
  });
}
