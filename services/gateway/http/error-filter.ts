import { inspect } from 'node:util';
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import type { ErrorRequestHandler, Response } from 'express';
import { toHttpError, WeftError } from '#core/errors.js';
import type { Reason } from '#core/reasons.js';

const log = new Logger('gateway');

/** Errors of routes. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  catch(thrown: unknown, host: ArgumentsHost): void {
    sendError(host.switchToHttp().getResponse<Response>(), thrown);
  }
}

/** Errors of what runs before a route is known; Nest would turn a broken body into text of its own. */
export const earlyErrors: ErrorRequestHandler = (thrown: unknown, _request, response, _next) =>
  sendError(response, thrown);

/** The one place where the gateway answers an error. Whatever is not ours tells the caller nothing of itself. */
function sendError(response: Response, thrown: unknown): void {
  const error = errorOf(thrown);
  if (error.reason === 'INTERNAL') log.error(inspect(error.cause));
  // An event stream has begun already: nothing can be said any more.
  if (response.headersSent) {
    response.end();
    return;
  }
  const { status, body } = toHttpError(error);
  const retryAfterSec = error.details['retryAfterSec'];
  if (retryAfterSec !== undefined) response.setHeader('Retry-After', retryAfterSec);
  if (error.reason === 'UNAUTHENTICATED') response.setHeader('WWW-Authenticate', 'Bearer');
  response.status(statusOf(error, status)).json(body);
}

/** HTTP has a number of its own for a body that is too large. */
const statusOf = (error: WeftError, status: number): number => (error.reason === 'MESSAGE_TOO_LARGE' ? 413 : status);

function errorOf(thrown: unknown): WeftError {
  if (thrown instanceof WeftError) return thrown;
  if (thrown instanceof HttpException) return new WeftError(...fromStatus(thrown.getStatus(), thrown.message));
  // The body parsers of Express throw these.
  const status = (thrown as { status?: unknown } | null)?.status;
  const type = (thrown as { type?: unknown } | null)?.type;
  if (typeof status === 'number' && typeof type === 'string') return bodyError(type, status);
  return WeftError.from(thrown);
}

function fromStatus(status: number, message: string): [Reason, string] {
  if (status === 404) return ['NOT_FOUND', message];
  if (status === 413) return ['MESSAGE_TOO_LARGE', 'the body is too large'];
  if (status >= 400 && status < 500) return ['INVALID_INPUT', message];
  return ['INTERNAL', 'something went wrong inside'];
}

function bodyError(type: string, status: number): WeftError {
  if (type === 'entity.too.large') return new WeftError('MESSAGE_TOO_LARGE', 'the body is too large');
  if (type === 'entity.parse.failed') return new WeftError('INVALID_JSON', 'the body is not JSON');
  return new WeftError(...fromStatus(status, 'the body cannot be read'));
}
