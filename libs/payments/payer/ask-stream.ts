import type { Client, ClientDuplexStream, Metadata, StatusObject } from '@grpc/grpc-js';
import { fromGrpcStatus, type WeftError } from '#core/errors.js';
import {
  encodeRequest,
  type MethodDefinition,
  methodPath,
  type RequestOf,
  type ResponseOf,
} from '#core/service-definition.js';
import { statuses } from '#core/status.js';
import { decodeStatus } from '#core/status-details.js';
import { asBuffer } from '#platform/as-buffer.js';
import { AskRequest, AskResponse, WalletServiceDefinition } from '#protos/weft/wallet/v1/wallet.js';
import { statusError } from '../rpc/raw-call.js';

type Methods = typeof WalletServiceDefinition.methods;

/** The wallet's unary methods. Errors are WeftErrors. */
export type AskingClient = {
  readonly [K in keyof Methods as Methods[K]['requestStream'] extends false ? K : never]: (
    request: RequestOf<Methods[K]>,
    options?: { readonly deadlineMs?: number },
  ) => Promise<ResponseOf<Methods[K]>>;
};

/** They and their keys: whatever may be asked on a stream. */
export const askable = Object.entries<MethodDefinition>(WalletServiceDefinition.methods).filter(
  ([, method]) => !method.requestStream,
);

/** Asks on a stream for each of them, which takes a fraction of a call of its own. */
export function askingClient(asks: AskStream, defaultDeadlineMs: number): AskingClient {
  const methods = askable.map(([key, method]) => {
    const ask = async (request: object, { deadlineMs = defaultDeadlineMs } = {}) =>
      method.responseType.decode(await asks.ask(method.name, encodeRequest(method, request), deadlineMs));
    return [key, ask];
  });
  return Object.fromEntries(methods) as unknown as AskingClient;
}

interface Asked {
  readonly resolve: (message: Uint8Array) => void;
  readonly reject: (error: WeftError) => void;
  readonly timer: NodeJS.Timeout;
}

/** An open stream would keep its program from ending, and the wallet from stopping. */
const IDLE_MS = 1_000;
/** The wallet counts the bytes that came on a stream as long as it is open. */
const ASKS_A_STREAM = 10_000;

/**
 * Carries questions to the wallet process on a stream that opens with the first of them, ends when nothing was asked
 * for a second, and is opened again as often as needed. What was under way when it broke fails with status UNAVAILABLE;
 * the wallet may have heard it.
 */
export class AskStream {
  #open: OpenStream | undefined;

  constructor(
    private readonly client: Client,
    /** With the token. */
    private readonly metadata: Metadata,
  ) {}

  /** `method`: "Reserve"; `message`: its request. Errors: the method's own; status UNAVAILABLE or DEADLINE_EXCEEDED. */
  ask(method: string, message: Uint8Array, deadlineMs: number): Promise<Uint8Array> {
    if (this.#open === undefined || !this.#open.isFit) {
      this.#open?.end();
      this.#open = new OpenStream(this.client, this.metadata);
    }
    return this.#open.ask(method, message, deadlineMs);
  }

  /** What was asked is still answered. */
  close(): void {
    this.#open?.end();
  }
}

class OpenStream {
  readonly #call: ClientDuplexStream<Uint8Array, Buffer>;
  readonly #asked = new Map<number, Asked>();
  readonly #idle: NodeJS.Timeout;
  #count = 0;
  #over = false;

  constructor(client: Client, metadata: Metadata) {
    const path = methodPath(WalletServiceDefinition, WalletServiceDefinition.methods.ask);
    this.#call = client.makeBidiStreamRequest(path, asBuffer, asBuffer, metadata);
    this.#call.on('data', (bytes: Buffer) => this.#read(bytes));
    this.#call.on('error', () => {}); // told through its status; without a listener it would end the process
    // After the answers that are read but not handed out yet.
    this.#call.on('status', (status: StatusObject) => {
      const isOk = status.code === statuses.OK.grpc;
      const error = isOk ? failed('UNAVAILABLE', 'the wallet has ended the connection') : statusError(status);
      setImmediate(() => this.#broken(error));
    });
    this.#idle = setTimeout(() => (this.#asked.size > 0 ? this.#idle.refresh() : this.end()), IDLE_MS).unref();
  }

  /** Whether more may be asked here. */
  get isFit(): boolean {
    return !this.#over && this.#count < ASKS_A_STREAM;
  }

  ask(method: string, message: Uint8Array, deadlineMs: number): Promise<Uint8Array> {
    const number = ++this.#count;
    this.#idle.refresh();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#asked.delete(number);
        reject(failed('DEADLINE_EXCEEDED', `the wallet has not answered within ${deadlineMs} ms`));
      }, deadlineMs);
      this.#asked.set(number, { resolve, reject, timer });
      this.#call.write(AskRequest.encode({ number, method, message }).finish());
    });
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#idle);
    this.#call.end();
  }

  #read(bytes: Buffer): void {
    try {
      this.#answered(AskResponse.decode(bytes));
    } catch {
      this.#broken(failed('UNAVAILABLE', 'what answers is no wallet'));
      this.#call.cancel();
    }
  }

  #answered({ number, message, status }: AskResponse): void {
    const asked = this.#asked.get(number);
    if (asked === undefined) return; // its time was up
    if (message !== undefined) asked.resolve(message);
    else asked.reject(decodeStatus(status ?? new Uint8Array()));
    this.#asked.delete(number);
    clearTimeout(asked.timer);
  }

  #broken(error: WeftError): void {
    this.#over = true;
    clearTimeout(this.#idle);
    for (const { reject, timer } of this.#asked.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.#asked.clear();
  }
}

const failed = (status: 'UNAVAILABLE' | 'DEADLINE_EXCEEDED', message: string): WeftError =>
  fromGrpcStatus({ code: statuses[status].grpc, message });
