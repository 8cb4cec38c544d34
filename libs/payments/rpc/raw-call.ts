import {
  type CallOptions,
  type Client,
  status as grpcCodes,
  Metadata,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js';
import { fromGrpcStatus, type WeftError } from '#core/errors.js';
import { decodeStatusDetails, statusDetailsKey } from '#core/status-details.js';
import { asBuffer } from '#platform/as-buffer.js';

export interface RawCallOptions {
  readonly metadata?: Metadata;
  /** From now, in milliseconds. Default: none. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

/** How a call ended. `trailers` are there however it ended; empty if nobody answered. */
export interface RawStatus {
  readonly code: number;
  readonly trailers: Metadata;
  /** Set exactly when `code` is not 0. */
  readonly error: WeftError | undefined;
}

export interface RawReply extends RawStatus {
  /** The response message as received; set exactly when `error` is not. */
  readonly bytes: Buffer | undefined;
}

/** One unary call with the message's bytes. Never rejects: look at `error`. */
export function callRaw(
  client: Client,
  path: string,
  request: Uint8Array,
  options: RawCallOptions = {},
): Promise<RawReply> {
  return new Promise((resolve) => {
    let bytes: Buffer | undefined;
    let status: StatusObject | undefined;
    let answered = false;
    const finish = () => {
      if (answered && status !== undefined) resolve({ ...toRawStatus(status), bytes });
    };
    const call = client.makeUnaryRequest(
      path,
      asBuffer,
      asBuffer,
      request,
      options.metadata ?? new Metadata(),
      callOptions(options),
      (_error, value) => {
        bytes = value;
        answered = true;
        finish();
      },
    );
    const release = onAbort(options.signal, () => call.cancel());
    // The trailers of a success come with the event only, and in no promised order with the callback.
    call.on('status', (end) => {
      release();
      status = end;
      finish();
    });
  });
}

/** A server stream with the messages' bytes. Iterating throws the WeftError that ended it; leaving early cancels the call. */
export interface RawStream extends AsyncIterable<Buffer> {
  /** Resolves when the call is over, however it ended; before that its messages must have been iterated. */
  readonly status: Promise<RawStatus>;
  cancel(): void;
}

export function streamRaw(client: Client, path: string, request: Uint8Array, options: RawCallOptions = {}): RawStream {
  const call = client.makeServerStreamRequest(
    path,
    asBuffer,
    asBuffer,
    request,
    options.metadata ?? new Metadata(),
    callOptions(options),
  );
  const release = onAbort(options.signal, () => call.cancel());
  const status = new Promise<RawStatus>((resolve) => {
    call.on('status', (end: StatusObject) => {
      release();
      resolve(toRawStatus(end));
    });
  });
  call.on('error', () => {}); // told through `status`; without a listener it would end the process
  return {
    status,
    cancel: () => call.cancel(),
    async *[Symbol.asyncIterator]() {
      try {
        for await (const message of call) yield message as Buffer;
      } catch (error) {
        if (!isServiceError(error)) throw error;
      } finally {
        call.cancel(); // no effect on a call that is over
      }
      const { error } = await status;
      if (error !== undefined) throw error;
    },
  };
}

const toRawStatus = (status: StatusObject): RawStatus => ({
  code: status.code,
  trailers: status.metadata,
  error: status.code === grpcCodes.OK ? undefined : statusError(status),
});

/** The error that a status other than OK tells of. */
export function statusError({ code, details: message, metadata }: StatusObject): WeftError {
  const [details] = metadata.get(statusDetailsKey);
  const info = Buffer.isBuffer(details) ? decodeStatusDetails(details) : undefined;
  return fromGrpcStatus({ code, message, ...info });
}

const isServiceError = (error: unknown): error is ServiceError =>
  typeof error === 'object' && error !== null && 'metadata' in error && 'code' in error;

const callOptions = ({ deadlineMs }: RawCallOptions): CallOptions =>
  deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };

/** Calls `cancel` when `signal` aborts; the returned function lets go of the signal. */
function onAbort(signal: AbortSignal | undefined, cancel: () => void): () => void {
  if (signal === undefined) return () => {};
  if (signal.aborted) cancel();
  signal.addEventListener('abort', cancel, { once: true });
  return () => signal.removeEventListener('abort', cancel);
}
