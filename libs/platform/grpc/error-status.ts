import { randomBytes } from 'node:crypto';
import { Metadata, ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import { type ArgumentsHost, Catch, Logger, type RpcExceptionFilter } from '@nestjs/common';
import { type Observable, throwError } from 'rxjs';
import { toGrpcStatus, WeftError } from '#core/errors.js';
import { encodeStatusDetails, statusDetailsKey } from '#core/status-details.js';
import { UnreadableRequest } from './service-definition.js';

const logger = new Logger('grpc');

/** What `call.sendStatus`, a unary callback or a stream's error takes. */
export interface ErrorStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/** An error as gRPC sends it: code, message, and ErrorInfo{reason, domain "weft", metadata} in the trailers. */
export function toErrorStatus(error: WeftError): ErrorStatus {
  const status = toGrpcStatus(error);
  const metadata = new Metadata();
  metadata.set(statusDetailsKey, Buffer.from(encodeStatusDetails(status)));
  return { code: status.code, details: status.message, metadata };
}

/** Ours as it is; anything else is logged under a short reference, and only the reference leaves the process. */
export function toShownError(error: unknown): WeftError {
  if (error instanceof WeftError) return error;
  const reference = randomBytes(4).toString('hex');
  logger.error({ msg: 'a handler threw', reference, err: error });
  return new WeftError('INTERNAL', `something went wrong inside (reference ${reference})`, { reference });
}

/** Turns whatever a handler throws into a status. */
@Catch()
export class ErrorStatusFilter implements RpcExceptionFilter<unknown> {
  catch(error: unknown, _host: ArgumentsHost): Observable<never> {
    const shown = toShownError(error);
    return throwError(() => toErrorStatus(shown));
  }
}

/** `path`: "/package.Service/Method" */
export function unreadable(path: string): WeftError {
  const method = path.slice(1);
  return new WeftError('INVALID_INPUT', `the request is not a message of ${method}`, { method });
}

/** Refuses requests that did not decode. */
export const refuseUnreadable: ServerInterceptor = (method, call) =>
  new ServerInterceptingCall(call, {
    start: (next) =>
      next({
        onReceiveMessage(message, pass) {
          if (!(message instanceof UnreadableRequest)) return pass(message);
          call.sendStatus(toErrorStatus(unreadable(method.path)));
        },
      }),
  });
