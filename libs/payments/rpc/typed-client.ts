import { type Client, Metadata } from '@grpc/grpc-js';
import {
  encodeRequest,
  type MethodDefinition,
  methodPath,
  type RequestOf,
  type ResponseOf,
  type ServiceDefinition,
} from '#core/service-definition.js';
import { callRaw, type RawCallOptions, streamRaw } from './raw-call.js';

/** A client's methods: unary ones answer a promise, server streams an async iterable. Errors are WeftErrors. */
export type TypedClient<D extends ServiceDefinition> = {
  readonly [K in keyof D['methods'] as D['methods'][K]['requestStream'] extends false ? K : never]: (
    request: RequestOf<D['methods'][K]>,
    options?: RawCallOptions,
  ) => D['methods'][K]['responseStream'] extends true
    ? AsyncIterable<ResponseOf<D['methods'][K]>>
    : Promise<ResponseOf<D['methods'][K]>>;
};

export interface TypedClientOptions {
  /** Goes with every call, e.g. a token; a call's own metadata is added to it. */
  readonly metadata?: Metadata;
  /** For unary calls that name none. Default 30,000. */
  readonly deadlineMs?: number;
}

/** A client of one of our own services, on a channel of `connect`. */
export function typedClient<const D extends ServiceDefinition>(
  definition: D,
  client: Client,
  defaults: TypedClientOptions = {},
): TypedClient<D> {
  const methods = Object.entries(definition.methods)
    .filter(([, method]) => !method.requestStream)
    .map(([key, method]) => [key, bind(definition, method, client, defaults)]);
  return Object.fromEntries(methods);
}

function bind(service: ServiceDefinition, method: MethodDefinition, client: Client, defaults: TypedClientOptions) {
  const path = methodPath(service, method);
  const merge = (options: RawCallOptions): RawCallOptions => {
    const metadata = defaults.metadata?.clone() ?? new Metadata();
    if (options.metadata !== undefined) metadata.merge(options.metadata);
    return { ...options, metadata };
  };

  if (method.responseStream)
    return async function* stream(request: object, options: RawCallOptions = {}) {
      for await (const bytes of streamRaw(client, path, encodeRequest(method, request), merge(options)))
        yield method.responseType.decode(bytes);
    };

  return async (request: object, options: RawCallOptions = {}) => {
    const deadlineMs = options.deadlineMs ?? defaults.deadlineMs ?? 30_000;
    const { error, bytes } = await callRaw(client, path, encodeRequest(method, request), {
      ...merge(options),
      deadlineMs,
    });
    if (error !== undefined) throw error;
    return method.responseType.decode(bytes as Buffer);
  };
}
