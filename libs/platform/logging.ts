import type { LoggerService } from '@nestjs/common';
import { type DestinationStream, type Logger, pino } from 'pino';
import { redact, redactText } from './redact.js';

export interface LoggerOptions {
  /** Of the process, in every line. */
  readonly name: string;
  /** trace, debug, info, warn, error, fatal or silent. Default info. */
  readonly level?: string;
  /** Default: stdout. */
  readonly destination?: DestinationStream;
}

/**
 * One JSON object a line. Line breaks and control characters of logged texts arrive escaped, so nobody forges a
 * line; secrets are hidden by the names of their fields. `error` is for what must never happen.
 */
export function createLogger({ name, level = 'info', destination }: LoggerOptions): Logger {
  return pino(
    {
      name,
      level,
      base: { name },
      timestamp: pino.stdTimeFunctions.isoTime,
      // Errors are written by `redact`.
      serializers: { err: (error) => error },
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redact(fields) as Record<string, unknown>,
      },
      hooks: {
        logMethod(args, method) {
          const [first, ...rest] = args as unknown[];
          const safe = isThrown(first) ? { err: first } : first;
          // Left to pino, an error's message would be written as it is.
          const said = rest.length === 0 && saysOnlyError(safe) ? [safe.err.message] : rest;
          const written = [safe, ...said].map((each) => (typeof each === 'string' ? redactText(each) : each));
          method.apply(this, written as never);
        },
        streamWrite: (line) => line.replace(unsafe, escapeUnit),
      },
    },
    // Synchronous: the last line before a crash is the one that matters.
    destination ?? pino.destination({ dest: 1, sync: true }),
  );
}

/** What JSON leaves as it is and a terminal or a person misreads: further controls, separators, bidi and zero-width marks. */
const unsafe = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
const escapeUnit = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Lets Nest write to `logger`. */
export function nestLogger(logger: Logger): LoggerService {
  const write =
    (level: 'info' | 'warn' | 'error' | 'fatal' | 'debug' | 'trace') =>
    (message: unknown, ...rest: unknown[]) => {
      // Nest passes the name of the class last, and for errors a stack before it.
      const context = rest.at(-1);
      const fields = {
        ...(typeof context === 'string' && { context }),
        ...(rest.length > 1 && { stack: redact(rest[0], 0, redactText) }),
      };
      if (isThrown(message)) logger[level]({ ...fields, err: message }, message.message);
      else if (typeof message === 'object' && message !== null) logger[level]({ ...message, ...fields });
      else logger[level](fields, String(message));
    };
  return {
    log: write('info'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
    debug: write('debug'),
    verbose: write('trace'),
  };
}

const isThrown = (value: unknown): value is Error =>
  typeof value === 'object' && value !== null && 'stack' in value && 'message' in value;

const saysOnlyError = (fields: unknown): fields is { readonly err: Error } =>
  typeof fields === 'object' && fields !== null && 'err' in fields && isThrown(fields.err) && !('msg' in fields);
