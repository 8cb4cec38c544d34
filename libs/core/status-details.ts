import { ErrorInfo } from '#protos/google/rpc/error_details.js';
import { Status } from '#protos/google/rpc/status.js';
import { type ErrorDetails, fromGrpcStatus, type GrpcStatus, type WeftError } from './errors.js';

/** The metadata key under which gRPC carries a `google.rpc.Status`. */
export const statusDetailsKey = 'grpc-status-details-bin';

const domain = 'weft';
const errorInfoUrl = 'type.googleapis.com/google.rpc.ErrorInfo';

/** The bytes of `grpc-status-details-bin`: a google.rpc.Status with one ErrorInfo of domain "weft". */
export function encodeStatusDetails(status: GrpcStatus): Uint8Array {
  const info = ErrorInfo.fromPartial({ reason: status.reason, domain, metadata: status.details });
  return Status.encode({
    code: status.code,
    message: status.message,
    details: [{ typeUrl: errorInfoUrl, value: ErrorInfo.encode(info).finish() }],
  }).finish();
}

/** The error that such bytes tell of. Throws if they are no google.rpc.Status. */
export function decodeStatus(bytes: Uint8Array): WeftError {
  const { code, message } = Status.decode(bytes);
  return fromGrpcStatus({ code, message, ...decodeStatusDetails(bytes) });
}

/** The reason and details in such bytes; undefined if they are broken or carry no ErrorInfo. */
export function decodeStatusDetails(bytes: Uint8Array): { reason: string; details: ErrorDetails } | undefined {
  try {
    for (const { typeUrl, value } of Status.decode(bytes).details) {
      if (typeUrl !== errorInfoUrl) continue;
      const { reason, metadata } = ErrorInfo.decode(value);
      return { reason, details: metadata };
    }
  } catch {
    // Whoever answers may send anything; the bare code still says what happened.
  }
  return undefined;
}
