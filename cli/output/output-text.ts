import { plainText } from '#core/plain-text.js';

const MAX_ITEMS = 20;
const MAX_TEXT = 20_000;

/** What a pipeline answers, for people: texts as they are, small things on one line, numbers with four decimals. */
export function outputText(output: unknown): string {
  const isMessage = typeof output === 'object' && output !== null && !Array.isArray(output);
  return plainText((isMessage ? fieldLines(output) : linesOf(output)).join('\n'), MAX_TEXT);
}

function linesOf(value: unknown): string[] {
  const short = oneLine(value);
  if (short !== undefined) return [short];
  if (typeof value === 'string') return value.split('\n');
  if (Array.isArray(value)) {
    const left = value.length - MAX_ITEMS;
    const more = left > 0 ? [`… and ${left} more, all with --json`] : [];
    return [...value.slice(0, MAX_ITEMS).flatMap(linesOf), ...more];
  }
  return fieldLines(value as object);
}

function fieldLines(message: object): string[] {
  return Object.entries(message).flatMap(([name, each]) => {
    const inLine = oneLine(each);
    return inLine === undefined ? [name, ...linesOf(each).map((line) => `  ${line}`)] : [`${name}: ${inLine}`];
  });
}

/** Undefined for what needs lines of its own. */
function oneLine(value: unknown): string | undefined {
  if (value === null || value === undefined) return 'none';
  if (typeof value === 'number') return String(Math.round(value * 10_000) / 10_000);
  if (typeof value === 'string') return value.includes('\n') ? undefined : value;
  if (Array.isArray(value)) return value.length === 0 ? 'none' : undefined;
  if (typeof value !== 'object') return String(value);
  const parts = Object.entries(value).map(([name, each]) => [name, oneLine(each)] as const);
  const isFlat = parts.every(([name, text]) => text !== undefined && typeof (value as never)[name] !== 'object');
  return isFlat ? parts.map(([name, text]) => `${name} ${text}`).join(', ') : undefined;
}
