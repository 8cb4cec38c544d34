import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type DescriptorProtoSchema,
  type FieldDescriptorProtoSchema,
  type FileDescriptorProtoSchema,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';
import { type Contract, readContract } from '#client/contract/read-contract.js';

/** An optional field of a message. */
export const field = (
  name: string,
  number: number,
  type: Type = Type.STRING,
  more: MessageInitShape<typeof FieldDescriptorProtoSchema> = {},
): MessageInitShape<typeof FieldDescriptorProtoSchema> => ({ name, number, type, label: Label.OPTIONAL, ...more });

export const repeated = { label: Label.REPEATED };

/** One file with a service a.v1.S whose method Do takes and gives a.v1.M. */
export const setWith = (
  message: MessageInitShape<typeof DescriptorProtoSchema>,
  file: MessageInitShape<typeof FileDescriptorProtoSchema> = {},
): FileDescriptorSet =>
  create(FileDescriptorSetSchema, {
    file: [
      {
        name: 'a/v1/a.proto',
        package: 'a.v1',
        syntax: 'proto3',
        messageType: [{ name: 'M', ...message }],
        service: [{ name: 'S', method: [{ name: 'Do', inputType: '.a.v1.M', outputType: '.a.v1.M' }] }],
        ...file,
      },
    ],
  });

export const contractOf = (set: FileDescriptorSet, service = 'a.v1.S'): Contract =>
  readContract(toBinary(FileDescriptorSetSchema, set), service);
