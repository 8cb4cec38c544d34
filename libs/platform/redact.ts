import { urlsWithoutSecrets } from '#core/part-down.js';

const secretName = /pass(word|phrase)|secret|token$|private_?key|mnemonic|authorization|api_?key|credential|cookie/i;
const urlPassword = /(:\/\/[^\s:/@]*):[^\s@/]+@/g;
const hidden = '[hidden]';
const maxDepth = 6;

/** What an error says, which may name a URL with an API key in it: of those only the host stays. */
export const redactText = (text: string): string => withoutPasswords(urlsWithoutSecrets(text));

const withoutPasswords = (text: string): string => text.replace(urlPassword, `$1:${hidden}@`);

/**
 * A copy that is safe to log: secrets hidden by the names of their fields, passwords taken out of URLs, bytes counted;
 * whatever belongs to an error as `redactText` has it.
 */
export function redact(value: unknown, depth = 0, inText = withoutPasswords): unknown {
  if (typeof value === 'string') return inText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth === maxDepth) return '[deeper]';
  if (Array.isArray(value)) return value.map((each) => redact(each, depth + 1, inText));
  if (isError(value)) return redactError(value, depth);
  if (value instanceof Map || value instanceof Set) return redact([...value], depth, inText);
  if ('toJSON' in value && typeof value.toJSON === 'function') return redact(value.toJSON(), depth + 1, inText);
  return redactFields(value, depth, inText);
}

function redactFields(value: object, depth: number, inText: (text: string) => string): Record<string, unknown> {
  const entries = Object.entries(value).map(([name, each]) => {
    const secret = secretName.test(name) && each !== undefined && each !== null;
    return [name, secret ? hidden : redact(each, depth + 1, inText)];
  });
  return Object.fromEntries(entries);
}

function redactError(error: Error, depth: number): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  const text = { type: name, message: redactText(message), stack: redact(stack, depth, redactText) };
  return {
    ...redactFields(error, depth, redactText),
    ...text,
    ...(cause !== undefined && { cause: redact(cause, depth + 1, redactText) }),
  };
}

/** By shape: an error may come from another realm. */
const isError = (value: object): value is Error =>
  'message' in value && 'stack' in value && typeof value.message === 'string';
