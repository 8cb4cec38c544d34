import {
  create,
  createFileRegistry,
  type DescService,
  type FileRegistry,
  fromBinary,
  isFieldSet,
} from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import { WeftError } from '#core/errors.js';
import { namedComments } from './comments.js';
import { boundDescriptorSet } from './limits.js';
import { digestOf, normalForm } from './normal-form.js';
import { checkStandardTypes } from './standard-types.js';

/** A service's immutable interface, ready to be described, compared and called. */
export interface Contract {
  /** Full name of the service. */
  readonly service: string;
  /** 32 bytes: sha-256 of the normal form. */
  readonly digest: Buffer;
  readonly descriptor: DescService;
  readonly registry: FileRegistry;
  /** Comments by the full name of what they stand at. Not part of the digest: text of whoever published it. */
  readonly comments: ReadonlyMap<string, string>;
}

const refuse = (message: string, details: Record<string, string> = {}): never => {
  throw new WeftError('CONTRACT_INVALID', message, details);
};

/**
 * Reads the contract of `service` (full name) from a serialized FileDescriptorSet of any origin. Only what the digest
 * covers has an effect afterwards, comments aside: JSON names and defaults that somebody put beside it do not count.
 * Throws CONTRACT_TOO_LARGE or CONTRACT_INVALID.
 */
export function readContract(set: Uint8Array, service: string): Contract {
  const bounded = boundDescriptorSet(set);
  const parsed = bounded.map(({ bytes, comments }) => ({
    file: fromBinary(FileDescriptorProtoSchema, bytes),
    comments,
  }));
  const comments = namedComments(parsed);
  const files = uniqueFiles(parsed.map(({ file }) => file));
  const needed = neededFiles(files, service);
  try {
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: needed }));
    const descriptor = registry.getService(service) ?? refuse(`the contract has no service ${service}`);
    checkStandardTypes(registry);
    return {
      service,
      digest: digestOf(normalForm(registry, descriptor)),
      descriptor,
      registry,
      comments,
    };
  } catch (error) {
    if (error instanceof WeftError) throw error;
    return refuse(`the contract does not compile: ${error instanceof Error ? error.message.slice(0, 300) : 'unknown'}`);
  }
}

/** Full names of the services in a serialized FileDescriptorSet. */
export function servicesOf(set: Uint8Array): string[] {
  return boundDescriptorSet(set).flatMap(({ bytes }) => {
    const file = fromBinary(FileDescriptorProtoSchema, bytes);
    return file.service.map(({ name }) => join(file.package, name));
  });
}

const join = (scope: string, name: string): string => (scope === '' ? name : `${scope}.${name}`);

function uniqueFiles(files: readonly FileDescriptorProto[]): FileDescriptorProto[] {
  const byName = new Map<string, FileDescriptorProto>();
  for (const file of files) {
    if (byName.has(file.name)) refuse(`the contract has the file ${file.name} twice`, { file: file.name });
    byName.set(file.name, file);
  }
  return [...byName.values()];
}

/** The files that the service's types stand in, each after those it depends on. */
function neededFiles(files: readonly FileDescriptorProto[], service: string): FileDescriptorProto[] {
  const symbols = symbolFiles(files);
  const root = symbols.get(service);
  if (root === undefined || !root.service.some(({ name }) => join(root.package, name) === service))
    return refuse(`the contract has no service ${service}`, { service });

  const ordered: FileDescriptorProto[] = [];
  const state = new Map<FileDescriptorProto, 'open' | 'done'>();
  const visit = (file: FileDescriptorProto): void => {
    if (state.get(file) === 'done') return;
    if (state.get(file) === 'open') refuse(`the contract's files depend on each other in a circle: ${file.name}`);
    state.set(file, 'open');
    if (file === root) file.service = file.service.filter(({ name }) => join(file.package, name) === service);
    else file.service = [];
    const dependencies = new Set<FileDescriptorProto>();
    resolveTypes(file, (type, scope, user) => {
      const name = resolve(type, scope, symbols) ?? refuse(`${user} refers to ${type}, which no file defines`);
      const found = symbols.get(name);
      if (found !== undefined && found !== file) dependencies.add(found);
      return `.${name}`;
    });
    for (const dependency of dependencies) visit(dependency);
    file.dependency = [...dependencies].map(({ name }) => name).sort();
    state.set(file, 'done');
    ordered.push(file);
  };
  visit(root);
  return ordered;
}

/** Where every message, enum and service stands; refuses names that stand twice. */
function symbolFiles(files: readonly FileDescriptorProto[]): Map<string, FileDescriptorProto> {
  const symbols = new Map<string, FileDescriptorProto>();
  for (const file of files) {
    const add = (name: string): void => {
      if (symbols.has(name)) refuse(`the contract defines ${name} twice`, { name });
      symbols.set(name, file);
    };
    for (const { name } of file.service) add(join(file.package, name));
    for (const each of file.enumType) addEnum(each, file.package, add);
    for (const each of file.messageType) addMessage(each, file.package, add);
  }
  return symbols;
}

function addEnum(type: EnumDescriptorProto, scope: string, add: (name: string) => void): void {
  add(join(scope, type.name));
  if (type.value.length === 0) refuse(`enum ${join(scope, type.name)} has no values`);
  const names = new Set(type.value.map(({ name }) => name));
  if (names.size !== type.value.length) refuse(`enum ${join(scope, type.name)} has a value's name twice`);
}

function addMessage(type: DescriptorProto, scope: string, add: (name: string) => void): void {
  const name = join(scope, type.name);
  add(name);
  checkFields(type, name);
  for (const each of type.enumType) addEnum(each, name, add);
  for (const each of type.nestedType) addMessage(each, name, add);
}

function checkFields(type: DescriptorProto, message: string): void {
  const numbers = new Set<number>();
  // JSON and JavaScript know fields and oneofs by these names.
  const names = new Set<string>();
  const claim = (name: string): void => {
    const jsonName = toJsonName(name);
    if (jsonName === '' || names.has(jsonName)) refuse(`${message}.${name} clashes in JSON: ${jsonName}`, { name });
    names.add(jsonName);
  };
  for (const field of type.field) {
    const { name, number } = field;
    if (number < 1 || number > 0x1fff_ffff || (number >= 19_000 && number < 20_000) || numbers.has(number))
      refuse(`${message}.${name} has the number ${number}, which is reserved, out of range or used twice`);
    numbers.add(number);
    if (!isFieldSet(field, FieldDescriptorProtoSchema.field.type)) refuse(`${message}.${name} has no known type`);
    claim(name);
    // The default, whatever the descriptor says: a JSON name is not part of the digest.
    field.jsonName = toJsonName(name);
  }
  // The oneofs around proto3's optional fields exist for compilers only.
  const real = new Set(type.field.filter((field) => !field.proto3Optional).map((field) => oneofOf(field)));
  type.oneofDecl.forEach(({ name }, index) => {
    if (real.has(index)) claim(name);
  });
}

const oneofOf = (field: FieldDescriptorProto): number | undefined =>
  isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex) ? field.oneofIndex : undefined;

/** As protoc makes it: underscores go, the letter behind one becomes a capital. */
export const toJsonName = (name: string): string => name.replace(/_+(.?)/g, (_, next: string) => next.toUpperCase());

/** Replaces every name of a type in `file` by what `full` makes of it. */
function resolveTypes(file: FileDescriptorProto, full: (type: string, scope: string, user: string) => string): void {
  const inMessage = (message: DescriptorProto, scope: string): void => {
    const name = join(scope, message.name);
    for (const field of message.field)
      if (isNamed(field.type)) field.typeName = full(field.typeName, name, `${name}.${field.name}`);
    for (const each of message.nestedType) inMessage(each, name);
  };
  for (const message of file.messageType) inMessage(message, file.package);
  for (const service of file.service)
    for (const method of service.method) {
      const name = join(file.package, service.name);
      method.inputType = full(method.inputType, name, `${name}.${method.name}`);
      method.outputType = full(method.outputType, name, `${name}.${method.name}`);
    }
}

/** Compilers write full names with a leading dot, some reflection servers names as they stood in the source. */
function resolve(type: string, scope: string, symbols: ReadonlyMap<string, unknown>): string | undefined {
  if (type.startsWith('.')) return symbols.has(type.slice(1)) ? type.slice(1) : undefined;
  for (let at = scope; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('.'))))
    if (symbols.has(`${at}.${type}`)) return `${at}.${type}`;
  return symbols.has(type) ? type : undefined;
}

const isNamed = (type: FieldDescriptorProto_Type): boolean =>
  type === FieldDescriptorProto_Type.MESSAGE ||
  type === FieldDescriptorProto_Type.GROUP ||
  type === FieldDescriptorProto_Type.ENUM;
