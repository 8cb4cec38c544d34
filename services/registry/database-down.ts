import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { catchError, type Observable, throwError } from 'rxjs';
import { WeftError } from '#core/errors.js';

/** Says that the database is down, rather than that something went wrong inside. */
export class DatabaseDown implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(catchError((error: unknown) => throwError(() => explain(error))));
  }
}

/** Of the system, and of PostgreSQL when it shuts down, starts or has no connection left. */
const codes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  '57P01',
  '57P02',
  '57P03',
  '53300',
  '08006',
  '08001',
]);

const broken = /^(Connection terminated|timeout exceeded when trying to connect)/;

function explain(error: unknown): unknown {
  if (error instanceof WeftError) return error;
  let at = error as { code?: unknown; message?: unknown; cause?: unknown } | undefined;
  for (let depth = 0; typeof at === 'object' && at !== null && depth < 5; depth++) {
    const { code, message } = at;
    if (codes.has(String(code)) || broken.test(String(message)))
      return new WeftError(
        'REGISTRY_UNAVAILABLE',
        'the registry’s database does not answer; start it (locally: npm start)',
        {},
        { cause: error },
      );
    at = at.cause as typeof at;
  }
  return error;
}
