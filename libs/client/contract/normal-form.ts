import { createHash } from 'node:crypto';
import {
  create,
  type DescField,
  type DescService,
  type FileRegistry,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type DescriptorProtoSchema,
  type EnumDescriptorProto,
  type EnumDescriptorProtoSchema,
  FeatureSet_FieldPresence,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  type FieldDescriptorProtoSchema,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';

/*
 * PROTOCOL section 2: what remains of a descriptor set when everything is gone that does not change what travels.
 * Compilers and reflection servers differ in order, in options, in JSON names, in how they write defaults down and in
 * which imports they list; all of them end at the same bytes here. Whatever depends on syntax or edition is written
 * as its effect (presence, packing, encoding), therefore neither is kept.
 */

/** `registry` holds just the files that `service` needs, and in them no other service. */
export function normalForm(registry: FileRegistry, service: DescService): FileDescriptorSet {
  return create(FileDescriptorSetSchema, {
    file: sortedBy([...registry.files], (file) => file.proto.name).map(({ proto }) => ({
      name: proto.name,
      package: proto.package,
      dependency: [...proto.dependency].sort(),
      messageType: sortedBy(proto.messageType, named).map((type) => message(type, proto.package, registry)),
      enumType: sortedBy(proto.enumType, named).map(enumeration),
      service: proto === service.file.proto ? [{ name: service.name, method: methods(service) }] : [],
    })),
  });
}

export const digestOf = (form: FileDescriptorSet): Buffer =>
  createHash('sha256').update(toBinary(FileDescriptorSetSchema, form)).digest();

const named = ({ name }: { name: string }): string => name;

/** By code units, as every machine sorts them. */
function sortedBy<T>(list: readonly T[], key: (each: T) => string): T[] {
  return [...list].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

const methods = (service: DescService) =>
  sortedBy(service.methods, named).map((method) => ({
    name: method.name,
    inputType: `.${method.input.typeName}`,
    outputType: `.${method.output.typeName}`,
    // Unset, not false: the set distinguishes them, the meaning does not.
    ...(method.proto.clientStreaming ? { clientStreaming: true } : {}),
    ...(method.proto.serverStreaming ? { serverStreaming: true } : {}),
  }));

function message(
  proto: DescriptorProto,
  scope: string,
  registry: FileRegistry,
): MessageInitShape<typeof DescriptorProtoSchema> {
  const typeName = scope === '' ? proto.name : `${scope}.${proto.name}`;
  // Map entries are no types of their own to protobuf-es.
  const fields = new Map(registry.getMessage(typeName)?.fields.map((field) => [field.number, field]));
  const oneofs = sortedBy(
    proto.oneofDecl.filter((_, index) => proto.field.some((field) => isInOneof(field) && field.oneofIndex === index)),
    named,
  );
  const oneofIndex = (field: FieldDescriptorProto): number | undefined =>
    isInOneof(field) ? oneofs.indexOf(proto.oneofDecl[field.oneofIndex]!) : undefined;
  return {
    name: proto.name,
    field: [...proto.field]
      .sort((a, b) => a.number - b.number)
      .map((field) => fieldOf(field, fields.get(field.number), oneofIndex(field))),
    nestedType: sortedBy(proto.nestedType, named).map((type) => message(type, typeName, registry)),
    enumType: sortedBy(proto.enumType, named).map(enumeration),
    oneofDecl: oneofs.map(({ name }) => ({ name })),
    ...(proto.options?.mapEntry ? { options: { mapEntry: true } } : {}),
  };
}

/** The oneof that compilers put around a proto3 optional field is none that anybody wrote. */
const isInOneof = (field: FieldDescriptorProto): boolean => !field.proto3Optional && Object.hasOwn(field, 'oneofIndex');

function fieldOf(
  proto: FieldDescriptorProto,
  desc: DescField | undefined,
  oneofIndex: number | undefined,
): MessageInitShape<typeof FieldDescriptorProtoSchema> {
  const isMessage = desc?.message !== undefined && desc.fieldKind !== 'map';
  return {
    name: proto.name,
    number: proto.number,
    type: isMessage
      ? desc.delimitedEncoding
        ? FieldDescriptorProto_Type.GROUP
        : FieldDescriptorProto_Type.MESSAGE
      : proto.type,
    label: labelOf(proto, desc),
    ...(proto.typeName === '' ? {} : { typeName: `.${proto.typeName.replace(/^\./, '')}` }),
    ...(oneofIndex === undefined ? {} : { oneofIndex }),
    ...(hasPresence(desc) ? { proto3Optional: true } : {}),
    ...(desc?.fieldKind === 'list' && desc.packed ? { options: { packed: true } } : {}),
  };
}

function labelOf(proto: FieldDescriptorProto, desc: DescField | undefined): FieldDescriptorProto_Label {
  if (proto.label === FieldDescriptorProto_Label.REPEATED) return FieldDescriptorProto_Label.REPEATED;
  return desc?.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED
    ? FieldDescriptorProto_Label.REQUIRED
    : FieldDescriptorProto_Label.OPTIONAL;
}

/** Whether an unset scalar differs from its zero; messages and members of a oneof always do. */
const hasPresence = (desc: DescField | undefined): boolean =>
  desc !== undefined &&
  (desc.fieldKind === 'scalar' || desc.fieldKind === 'enum') &&
  desc.oneof === undefined &&
  desc.presence === FeatureSet_FieldPresence.EXPLICIT;

const enumeration = (proto: EnumDescriptorProto): MessageInitShape<typeof EnumDescriptorProtoSchema> => ({
  name: proto.name,
  // Zero first, negative numbers last; names of one number in their own order.
  value: sortedBy(proto.value, named)
    .sort((a, b) => (a.number >>> 0) - (b.number >>> 0))
    .map(({ name, number }) => ({ name, number })),
});
