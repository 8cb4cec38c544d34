import type { DescriptorProto, EnumDescriptorProto, FileDescriptorProto } from '@bufbuild/protobuf/wkt';
import { plainText } from '#core/plain-text.js';
import type { RawComment } from './limits.js';

const MAX_COMMENT = 4_000;

/** Comments by the full name of the service, method, message, field, enum or value that they belong to. */
export function namedComments(
  files: readonly { file: FileDescriptorProto; comments: readonly RawComment[] }[],
): Map<string, string> {
  const named = new Map<string, string>();
  for (const { file, comments } of files) {
    for (const { path, text } of comments) {
      const name = nameAt(file, path);
      if (name !== undefined) named.set(name, plainText(text, MAX_COMMENT));
    }
  }
  return named;
}

/** Follows a path of field numbers and indexes, as descriptor.proto numbers them. */
function nameAt(file: FileDescriptorProto, path: readonly number[]): string | undefined {
  const [kind, index = -1, ...rest] = path;
  const join = (name: string | undefined) =>
    name === undefined ? undefined : file.package === '' ? name : `${file.package}.${name}`;
  if (kind === 4) return join(inMessage(file.messageType[index], rest));
  if (kind === 5) return join(inEnum(file.enumType[index], rest));
  if (kind !== 6) return undefined;
  const service = file.service[index];
  if (service === undefined || rest.length === 0) return join(service?.name);
  const method = rest[0] === 2 && rest.length === 2 ? service.method[rest[1]!] : undefined;
  return method && join(`${service.name}.${method.name}`);
}

function inMessage(message: DescriptorProto | undefined, path: readonly number[]): string | undefined {
  if (message === undefined || path.length === 0) return message?.name;
  const [kind, index = -1, ...rest] = path;
  if (kind === 2 && rest.length === 0) return below(message.name, message.field[index]?.name);
  if (kind === 3) return below(message.name, inMessage(message.nestedType[index], rest));
  if (kind === 4) return below(message.name, inEnum(message.enumType[index], rest));
  if (kind === 8 && rest.length === 0) return below(message.name, message.oneofDecl[index]?.name);
  return undefined;
}

function inEnum(type: EnumDescriptorProto | undefined, path: readonly number[]): string | undefined {
  if (type === undefined || path.length === 0) return type?.name;
  return path[0] === 2 && path.length === 2 ? below(type.name, type.value[path[1]!]?.name) : undefined;
}

const below = (scope: string, name: string | undefined): string | undefined =>
  name === undefined ? undefined : `${scope}.${name}`;
