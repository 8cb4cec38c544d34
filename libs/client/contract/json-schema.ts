import { type DescEnum, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import type { Contract } from './read-contract.js';

/** JSON Schema, draft 2020-12. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/** What `encodeJson` takes and `decodeToJson` gives for a message of the contract; its comments are the descriptions. */
export function jsonSchemaOf(contract: Contract, message: DescMessage): JsonSchema {
  const definitions = new Map<string, JsonSchema>();
  const writer = new SchemaWriter(contract.comments, definitions);
  const root = writer.message(message);
  return definitions.size === 0 ? root : { ...root, $defs: Object.fromEntries(definitions) };
}

class SchemaWriter {
  constructor(
    private readonly comments: ReadonlyMap<string, string>,
    private readonly definitions: Map<string, JsonSchema>,
  ) {}

  message(message: DescMessage): JsonSchema {
    const special = standardTypes.get(message.typeName);
    if (special !== undefined) return special;
    const properties = message.fields.map((field) => [field.jsonName, this.field(field)] as const);
    const required = message.fields
      .filter((field) => field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED)
      .map((field) => field.jsonName);
    return {
      type: 'object',
      ...this.describe(message.typeName, exclusive(message)),
      properties: Object.fromEntries(properties),
      ...(required.length > 0 ? { required } : {}),
      additionalProperties: false,
    };
  }

  private field(field: DescField): JsonSchema {
    const name = `${field.parent.typeName}.${field.name}`;
    return { ...this.type(field), ...this.describe(name) };
  }

  private type(field: DescField): JsonSchema {
    if (field.fieldKind === 'list') return { type: 'array', items: this.element(field) };
    if (field.fieldKind === 'map') return { type: 'object', additionalProperties: this.element(field) };
    return this.element(field);
  }

  private element(field: DescField): JsonSchema {
    if (field.message !== undefined) return this.reference(field.message);
    if (field.enum !== undefined) return this.enumeration(field.enum);
    return scalar(field.scalar);
  }

  private reference(message: DescMessage): JsonSchema {
    const special = standardTypes.get(message.typeName);
    if (special !== undefined) return special;
    if (!this.definitions.has(message.typeName)) {
      this.definitions.set(message.typeName, {}); // a message may contain itself
      this.definitions.set(message.typeName, this.message(message));
    }
    return { $ref: `#/$defs/${message.typeName}` };
  }

  private enumeration(type: DescEnum): JsonSchema {
    const values = type.values
      .map(({ name }) => [name, this.comments.get(`${type.typeName}.${name}`)] as const)
      .flatMap(([name, comment]) => (comment === undefined ? [] : [`${name}: ${comment}`]));
    return { type: 'string', enum: type.values.map(({ name }) => name), ...this.describe(type.typeName, values) };
  }

  private describe(name: string, more: readonly string[] = []): { description?: string } {
    const text = [this.comments.get(name), ...more].filter((each) => each !== undefined && each !== '').join('\n');
    return text === '' ? {} : { description: text };
  }
}

const exclusive = (message: DescMessage): string[] =>
  message.oneofs.map((oneof) => `At most one of: ${oneof.fields.map(({ jsonName }) => jsonName).join(', ')}.`);

const INTEGER_STRING = { type: 'string', pattern: '^-?[0-9]{1,20}$' };
const UNSIGNED_STRING = { type: 'string', pattern: '^[0-9]{1,20}$' };

function scalar(type: ScalarType | undefined): JsonSchema {
  switch (type) {
    case ScalarType.BOOL:
      return { type: 'boolean' };
    case ScalarType.STRING:
      return { type: 'string' };
    case ScalarType.BYTES:
      return { type: 'string', contentEncoding: 'base64' };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { anyOf: [{ type: 'number' }, { enum: ['NaN', 'Infinity', '-Infinity'] }] };
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { type: 'integer', minimum: 0, maximum: 4294967295 };
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return UNSIGNED_STRING;
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return INTEGER_STRING;
    default:
      return { type: 'integer', minimum: -2147483648, maximum: 2147483647 };
  }
}

const standardTypes: ReadonlyMap<string, JsonSchema> = new Map<string, JsonSchema>(
  Object.entries({
    Timestamp: { type: 'string', format: 'date-time' },
    Duration: { type: 'string', pattern: '^-?[0-9]+(\\.[0-9]{1,9})?s$' },
    FieldMask: { type: 'string' },
    Struct: { type: 'object' },
    Value: {},
    ListValue: { type: 'array' },
    Any: { type: 'object', properties: { '@type': { type: 'string' } }, required: ['@type'] },
    DoubleValue: { type: ['number', 'string', 'null'] },
    FloatValue: { type: ['number', 'string', 'null'] },
    Int64Value: { ...INTEGER_STRING, type: ['string', 'null'] },
    UInt64Value: { ...UNSIGNED_STRING, type: ['string', 'null'] },
    Int32Value: { type: ['integer', 'null'] },
    UInt32Value: { type: ['integer', 'null'], minimum: 0 },
    BoolValue: { type: ['boolean', 'null'] },
    StringValue: { type: ['string', 'null'] },
    BytesValue: { type: ['string', 'null'], contentEncoding: 'base64' },
  }).map(([name, schema]) => [`google.protobuf.${name}`, schema]),
);
