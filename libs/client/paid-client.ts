import { WeftError } from '#core/errors.js';
import {
  encodeRequest,
  type MethodDefinition,
  type RequestOf,
  type ResponseOf,
  type ServiceDefinition,
} from '#core/service-definition.js';
import type { Proof } from './call/paid-caller.js';
import type { Session, SessionCallOptions } from './session.js';

export interface WithProof<T> extends Proof {
  readonly response: T;
}

/** A unary method. */
export interface PaidUnary<Request, Response> {
  (request: Request, options?: SessionCallOptions): Promise<Response>;
  withReceipt(request: Request, options?: SessionCallOptions): Promise<WithProof<Response>>;
}

/** A server stream; iterating throws the WeftError that ended it, leaving early cancels the call. */
export interface PaidStream<Request, Response> {
  (request: Request, options?: SessionCallOptions): AsyncIterable<Response>;
  /** The whole stream. */
  withReceipt(request: Request, options?: SessionCallOptions): Promise<WithProof<Response[]>>;
}

type PaidMethod<M extends MethodDefinition> = M['responseStream'] extends true
  ? PaidStream<RequestOf<M>, ResponseOf<M>>
  : PaidUnary<RequestOf<M>, ResponseOf<M>>;

/** A service's methods, each call of which is paid. Client streams are left out: they cannot be. */
export type PaidClient<D extends ServiceDefinition> = {
  readonly [K in keyof D['methods'] as D['methods'][K]['requestStream'] extends false ? K : never]: PaidMethod<
    D['methods'][K]
  >;
} & {
  /** Ends the client; what it did not spend is free again. */
  readonly close: () => Promise<void>;
};

/** `session` must have a step of each method's key. */
export function paidClient<const D extends ServiceDefinition>(definition: D, session: Session): PaidClient<D> {
  const methods = Object.entries(definition.methods)
    .filter(([, method]) => !method.requestStream)
    .map(([key, method]) => [key, method.responseStream ? stream(key, method, session) : unary(key, method, session)]);
  return Object.assign(Object.fromEntries(methods), { close: () => session.close() });
}

function unary(step: string, method: MethodDefinition, session: Session) {
  const withReceipt = async (request: object, options?: SessionCallOptions) => {
    const { messages, ...proof } = await session.exchange(step, encodeRequest(method, request), false, options);
    return { response: decode(method, messages[0] ?? new Uint8Array()), ...proof };
  };
  const call = async (request: object, options?: SessionCallOptions) => (await withReceipt(request, options)).response;
  return Object.assign(call, { withReceipt });
}

function stream(step: string, method: MethodDefinition, session: Session) {
  const call = async function* (request: object, options?: SessionCallOptions) {
    for await (const bytes of session.stream(step, encodeRequest(method, request), options))
      yield decode(method, bytes);
  };
  const withReceipt = async (request: object, options?: SessionCallOptions) => {
    const { messages, ...proof } = await session.exchange(step, encodeRequest(method, request), true, options);
    return { response: messages.map((bytes) => decode(method, bytes)), ...proof };
  };
  return Object.assign(call, { withReceipt });
}

function decode(method: MethodDefinition, bytes: Uint8Array): unknown {
  try {
    return method.responseType.decode(bytes);
  } catch (error) {
    throw new WeftError('SERVICE_FAILED', `the response is not the contract's message`, {}, { cause: error });
  }
}
