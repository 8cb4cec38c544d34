import type { DescMessage, FileRegistry } from '@bufbuild/protobuf';
import * as wkt from '@bufbuild/protobuf/wkt';
import { WeftError } from '#core/errors.js';

/** Types that JSON writes in a form of their own; protobuf-es goes by their names. */
const standard: readonly DescMessage[] = [
  wkt.AnySchema,
  wkt.TimestampSchema,
  wkt.DurationSchema,
  wkt.FieldMaskSchema,
  wkt.StructSchema,
  wkt.ValueSchema,
  wkt.ListValueSchema,
  wkt.DoubleValueSchema,
  wkt.FloatValueSchema,
  wkt.Int64ValueSchema,
  wkt.UInt64ValueSchema,
  wkt.Int32ValueSchema,
  wkt.UInt32ValueSchema,
  wkt.BoolValueSchema,
  wkt.StringValueSchema,
  wkt.BytesValueSchema,
];

/** A contract may carry google.protobuf's types, but not others under their names. */
export function checkStandardTypes(registry: FileRegistry): void {
  for (const schema of standard) {
    const found = registry.getMessage(schema.typeName);
    if (found !== undefined && fieldsOf(found) !== fieldsOf(schema))
      throw new WeftError('CONTRACT_INVALID', `the contract has a ${schema.typeName} that is not the standard one`, {
        name: schema.typeName,
      });
  }
}

const fieldsOf = (message: DescMessage): string =>
  message.fields
    .map((field) => [
      field.number,
      field.name,
      field.fieldKind,
      field.scalar,
      field.message?.typeName,
      field.enum?.typeName,
    ])
    .sort(([a], [b]) => Number(a) - Number(b))
    .join();
