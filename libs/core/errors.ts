import { isReason, type Reason, reasons } from './reasons.js';
import { type StatusName, statuses, statusName } from './status.js';

/** Facts that go with an error: names to short texts, shown to the caller, hence never a secret. */
export type ErrorDetails = Readonly<Record<string, string>>;

/** The one error of Weft. `reason` is stable, `message` is for people and says what to do next. */
export class WeftError extends Error {
  override readonly name = 'WeftError';
  readonly code: StatusName;
  readonly retryable: boolean;

  constructor(
    readonly reason: Reason,
    message: string,
    readonly details: ErrorDetails = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = reasons[reason].code;
    this.retryable = reasons[reason].retryable;
  }

  /** `error` itself if it is ours, else an INTERNAL one that keeps it as cause and shows nothing of it. */
  static from(error: unknown): WeftError {
    if (error instanceof WeftError) return error;
    return new WeftError('INTERNAL', 'something went wrong inside', {}, { cause: error });
  }
}

/** What gRPC sends of an error: number, message, and the fields of google.rpc.ErrorInfo. */
export interface GrpcStatus {
  readonly code: number;
  readonly message: string;
  readonly reason: string;
  readonly details: ErrorDetails;
}

export const toGrpcStatus = (error: WeftError): GrpcStatus => ({
  code: statuses[error.code].grpc,
  message: error.message,
  reason: error.reason,
  details: error.details,
});

/** Codes that a caller may try again when no reason came with them. */
const retryableCodes: ReadonlySet<StatusName> = new Set([
  'UNAVAILABLE',
  'ABORTED',
  'RESOURCE_EXHAUSTED',
  'DEADLINE_EXCEEDED',
]);

/** Reads a status from the wire. A reason we do not know falls back to one that fits its code. */
export function fromGrpcStatus(status: {
  code: number;
  message: string;
  reason?: string;
  details?: ErrorDetails;
}): WeftError {
  const details = status.details ?? {};
  if (status.reason !== undefined && isReason(status.reason))
    return new WeftError(status.reason, status.message, details);
  const code = statusName(status.code);
  const foreign = status.reason === undefined ? details : { ...details, foreignReason: status.reason };
  // How grpc-js says that a message is over a limit, on either side; sent again it is no smaller.
  const tooLarge = code === 'RESOURCE_EXHAUSTED' && /message larger than max/i.test(status.message);
  return new WeftError(tooLarge ? 'MESSAGE_TOO_LARGE' : reasonOfCode(code), status.message, {
    ...foreign,
    status: code,
  });
}

function reasonOfCode(code: StatusName): Reason {
  switch (code) {
    case 'INVALID_ARGUMENT':
    case 'OUT_OF_RANGE':
      return 'INVALID_INPUT';
    case 'NOT_FOUND':
      return 'NOT_FOUND';
    case 'UNIMPLEMENTED':
      return 'UNKNOWN_METHOD';
    case 'UNAUTHENTICATED':
      return 'UNAUTHENTICATED';
    case 'PERMISSION_DENIED':
      return 'PERMISSION_DENIED';
    case 'CANCELLED':
      return 'CANCELLED';
    case 'DEADLINE_EXCEEDED':
      return 'DEADLINE';
    default:
      return retryableCodes.has(code) ? 'SERVICE_UNAVAILABLE' : 'SERVICE_FAILED';
  }
}

/** The body that every HTTP door answers errors with. */
export interface HttpError {
  readonly status: number;
  readonly body: {
    readonly error: {
      readonly code: StatusName;
      readonly reason: Reason;
      readonly message: string;
      readonly details: ErrorDetails;
    };
  };
}

export const toHttpError = (error: WeftError): HttpError => ({
  status: error.reason === 'PAYMENT_REQUIRED' ? 402 : statuses[error.code].http,
  body: { error: { code: error.code, reason: error.reason, message: error.message, details: error.details } },
});

/** The arguments of Temporal's ApplicationFailure; `type` is the reason. */
export interface FailureFields {
  readonly message: string;
  readonly type: Reason;
  readonly nonRetryable: boolean;
  readonly details: [ErrorDetails];
}

export const toFailure = (error: WeftError): FailureFields => ({
  message: error.message,
  type: error.reason,
  nonRetryable: !error.retryable,
  details: [error.details],
});
