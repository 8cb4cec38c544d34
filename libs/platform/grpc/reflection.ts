import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import { type ServerDuplexStream, type ServiceDefinition, status } from '@grpc/grpc-js';
import {
  ServerReflectionDefinition,
  type ServerReflectionRequest,
  ServerReflectionResponse,
} from '#protos/grpc/reflection/v1/reflection.js';
import { toGrpcDefinition } from './service-definition.js';

type Stream = ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>;

interface Mounted {
  readonly definition: ServiceDefinition;
  readonly handlers: { ServerReflectionInfo(stream: Stream): void };
}

/**
 * Server reflection, v1 and v1alpha (same messages under an older name), over a FileDescriptorSet.
 * Shows the services named in `services` and the files they need, nothing else of the set.
 */
export function reflectionServices(descriptorSet: Uint8Array, services: readonly string[]): Mounted[] {
  const index = new ReflectionIndex(descriptorSet, services);
  const handlers = {
    ServerReflectionInfo(stream: Stream) {
      stream.on('data', (request) => {
        // Who does not read the answers gets no more of them.
        if (stream.write(index.answer(request))) return;
        stream.pause();
        stream.once('drain', () => stream.resume());
      });
      stream.on('end', () => stream.end());
      stream.on('error', () => stream.end());
    },
  };
  const alpha = { ...ServerReflectionDefinition, fullName: 'grpc.reflection.v1alpha.ServerReflection' };
  return [ServerReflectionDefinition, alpha].map((definition) => ({
    definition: toGrpcDefinition(definition),
    handlers,
  }));
}

class ReflectionIndex {
  private readonly files = new Map<string, FileDescriptorProto>();
  private readonly fileOfSymbol = new Map<string, string>();
  private readonly fileOfExtension = new Map<string, Map<number, string>>();

  constructor(
    descriptorSet: Uint8Array,
    private readonly services: readonly string[],
  ) {
    const all = new Map(fromBinary(FileDescriptorSetSchema, descriptorSet).file.map((file) => [file.name, file]));
    const fileOfService = new Map<string, FileDescriptorProto>();
    for (const file of all.values())
      for (const service of file.service) fileOfService.set(qualify(file.package, service.name), file);
    for (const name of services) {
      const file = fileOfService.get(name);
      if (file === undefined) throw new Error(`the descriptor set has no service ${name}`);
      for (const needed of closure(file, all)) this.add(needed);
    }
  }

  answer(request: ServerReflectionRequest): ServerReflectionResponse {
    return ServerReflectionResponse.fromPartial({
      validHost: request.host,
      originalRequest: request,
      ...this.response(request),
    });
  }

  private response(request: ServerReflectionRequest): Partial<ServerReflectionResponse> {
    if (request.listServices !== undefined)
      return { listServicesResponse: { service: [...this.services].sort().map((name) => ({ name })) } };
    if (request.fileByFilename !== undefined) return this.file(request.fileByFilename, request.fileByFilename);
    if (request.fileContainingSymbol !== undefined)
      return this.file(this.fileOfSymbol.get(request.fileContainingSymbol), request.fileContainingSymbol);
    if (request.fileContainingExtension !== undefined) {
      const { containingType, extensionNumber } = request.fileContainingExtension;
      const file = this.fileOfExtension.get(containingType)?.get(extensionNumber);
      return this.file(file, `extension ${extensionNumber} of ${containingType}`);
    }
    if (request.allExtensionNumbersOfType !== undefined) {
      const type = request.allExtensionNumbersOfType;
      if (!this.fileOfSymbol.has(type)) return notFound(type);
      const numbers = [...(this.fileOfExtension.get(type)?.keys() ?? [])].sort((a, b) => a - b);
      return { allExtensionNumbersResponse: { baseTypeName: type, extensionNumber: numbers } };
    }
    return { errorResponse: { errorCode: status.INVALID_ARGUMENT, errorMessage: 'the request asks for nothing' } };
  }

  /** The file first, then all it imports, so that one answer is enough to build it. */
  private file(name: string | undefined, asked: string): Partial<ServerReflectionResponse> {
    const file = name === undefined ? undefined : this.files.get(name);
    if (file === undefined) return notFound(asked);
    const bytes = closure(file, this.files).map((each) => toBinary(FileDescriptorProtoSchema, each));
    return { fileDescriptorResponse: { fileDescriptorProto: bytes } };
  }

  private add(file: FileDescriptorProto): void {
    if (this.files.has(file.name)) return;
    this.files.set(file.name, file);
    const symbol = (name: string) => this.fileOfSymbol.set(name, file.name);
    const extension = ({ extendee, number }: { extendee: string; number: number }) => {
      const type = extendee.replace(/^\./, '');
      const numbers = this.fileOfExtension.get(type) ?? new Map<number, string>();
      this.fileOfExtension.set(type, numbers.set(number, file.name));
    };
    const message = (scope: string, type: DescriptorProto): void => {
      const name = qualify(scope, type.name);
      symbol(name);
      for (const field of type.field) symbol(`${name}.${field.name}`);
      for (const oneof of type.oneofDecl) symbol(`${name}.${oneof.name}`);
      for (const each of type.enumType) symbol(`${name}.${each.name}`);
      for (const each of type.extension) extension(each);
      for (const each of type.nestedType) message(name, each);
    };
    for (const type of file.messageType) message(file.package, type);
    for (const each of file.enumType) symbol(qualify(file.package, each.name));
    for (const each of file.extension) {
      symbol(qualify(file.package, each.name));
      extension(each);
    }
    for (const service of file.service) {
      const name = qualify(file.package, service.name);
      symbol(name);
      for (const method of service.method) symbol(`${name}.${method.name}`);
    }
  }
}

const qualify = (scope: string, name: string) => (scope === '' ? name : `${scope}.${name}`);

const notFound = (what: string): Partial<ServerReflectionResponse> => ({
  errorResponse: { errorCode: status.NOT_FOUND, errorMessage: `not found: ${what}` },
});

/** `file` and everything it imports, each once. */
function closure(file: FileDescriptorProto, all: ReadonlyMap<string, FileDescriptorProto>): FileDescriptorProto[] {
  const found = new Map([[file.name, file]]);
  for (const each of found.values())
    for (const name of each.dependency) {
      const next = all.get(name);
      if (next === undefined) throw new Error(`the descriptor set lacks ${name}, imported by ${each.name}`);
      found.set(name, next);
    }
  return [...found.values()];
}
