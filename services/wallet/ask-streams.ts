import type { Metadata, ServerDuplexStream } from '@grpc/grpc-js';
import { toGrpcStatus, WeftError } from '#core/errors.js';
import { type MethodDefinition, methodPath } from '#core/service-definition.js';
import { encodeStatusDetails } from '#core/status-details.js';
import { askable } from '#payments/payer/ask-stream.js';
import { toErrorStatus, toShownError, unreadable } from '#platform/grpc/error-status.js';
import { type AskRequest, type AskResponse, WalletServiceDefinition } from '#protos/weft/wallet/v1/wallet.js';

type Stream = ServerDuplexStream<AskRequest, AskResponse>;

export interface AskStreamsOptions {
  /** Calls a unary method by its key: "reserve". */
  readonly handle: (key: string, request: unknown, metadata: Metadata) => unknown;
  /** Told of every question that was answered; `code` is gRPC's. */
  readonly answered: (path: string, code: number, seconds: number) => void;
}

/** More than any program waits for: what is read no more may be what frees those that wait. */
const MOST_UNDER_WAY = 1_000;

const methods = new Map(
  askable.map(([key, method]) => [method.name, { key, path: methodPath(WalletServiceDefinition, method), ...method }]),
);

/** Answers programs that ask on a stream, as if each of their messages had come in a call of its own. */
export class AskStreams {
  /** Each with what ends it. */
  readonly #open = new Map<Stream, () => void>();
  #closed = false;

  constructor(private readonly options: AskStreamsOptions) {}

  /** Errors: WALLET_UNAVAILABLE. */
  serve(stream: Stream): void {
    if (this.#closed) throw new WeftError('WALLET_UNAVAILABLE', 'the wallet is stopping');
    let underWay = 0;
    let isLast = false;
    const end = () => {
      isLast = true;
      if (underWay === 0) stream.end();
    };
    this.#open.set(stream, () => {
      stream.pause();
      end();
    });
    stream.on('data', async (ask: AskRequest) => {
      if (++underWay >= MOST_UNDER_WAY) stream.pause();
      const response = await this.#answer(ask, stream.metadata);
      underWay--;
      if (stream.cancelled) return;
      stream.write(response);
      if (isLast) end();
      else if (stream.isPaused()) stream.resume();
    });
    stream.on('end', end);
    stream.on('error', () => {}); // who asked is gone
    stream.on('close', () => this.#open.delete(stream));
    stream.on('cancelled', () => this.#open.delete(stream));
  }

  /** Reads no more, and ends each stream when what was read is answered. */
  close(): void {
    this.#closed = true;
    for (const end of this.#open.values()) end();
  }

  async #answer({ number, method: name, message }: AskRequest, metadata: Metadata): Promise<AskResponse> {
    const beganMs = performance.now();
    const method = methods.get(name);
    let code = 0;
    try {
      if (method === undefined) throw new WeftError('UNKNOWN_METHOD', `the wallet has no method "${name}"`);
      const { key, path, requestType, responseType } = method;
      const response = await this.options.handle(key, decode(requestType, message, path), metadata);
      return { number, message: responseType.encode(response).finish() };
    } catch (error) {
      const status = toGrpcStatus(toShownError(error));
      code = status.code;
      return { number, status: encodeStatusDetails(status) };
    } finally {
      if (method !== undefined) this.options.answered(method.path, code, (performance.now() - beganMs) / 1000);
    }
  }
}

function decode(type: MethodDefinition['requestType'], message: Uint8Array, path: string): unknown {
  try {
    return type.decode(message);
  } catch {
    throw unreadable(path);
  }
}

/** Ends a stream that is not served. */
export const refuse = (stream: Stream, error: WeftError): void => {
  stream.emit('error', toErrorStatus(error));
};
