import type * as grpc from '@grpc/grpc-js';
import { Logger } from '@nestjs/common';
import { encodeResponse, type MethodDefinition, methodPath, type ServiceDefinition } from '#core/service-definition.js';
import { asBuffer } from '../as-buffer.js';

const logger = new Logger('grpc');

/** Stands for request bytes that are not the message they should be; refused before any handler sees it. */
export class UnreadableRequest {}

/**
 * The definition that grpc-js mounts. With `raw` the server hands over request bytes and takes response bytes
 * untouched: an interceptor in front of the handler decodes and encodes.
 */
export function toGrpcDefinition(service: ServiceDefinition, raw = false): grpc.ServiceDefinition {
  const methods = Object.entries(service.methods).map(([key, method]) => {
    const definition: grpc.MethodDefinition<unknown, unknown> = {
      path: methodPath(service, method),
      originalName: key,
      requestStream: method.requestStream,
      responseStream: method.responseStream,
      requestSerialize: (message) => asBuffer(method.requestType.encode(message).finish()),
      requestDeserialize: raw ? same : (bytes) => decodeRequest(method, bytes),
      responseSerialize: raw ? same : (message) => encodeAnswer(service, method, message),
      responseDeserialize: (bytes) => method.responseType.decode(bytes),
    };
    return [method.name, definition] as const;
  });
  return Object.fromEntries(methods);
}

function encodeAnswer(service: ServiceDefinition, method: MethodDefinition, message: unknown): Buffer {
  try {
    return asBuffer(encodeResponse(method, message));
  } catch (error) {
    // grpc-js tells nobody why.
    logger.error({ msg: 'a handler answered with a broken message', method: methodPath(service, method), err: error });
    throw error;
  }
}

// biome-ignore lint/suspicious/noExplicitAny: identity on bytes, whatever grpc-js calls them
const same = (bytes: any) => bytes;

function decodeRequest(method: MethodDefinition, bytes: Buffer): unknown {
  try {
    return method.requestType.decode(bytes);
  } catch {
    return new UnreadableRequest();
  }
}
