import {
  type DescField,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Registry,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { WeftError } from '#core/errors.js';

/** Of lists and objects in each other; protobuf's own limit is 100 messages. */
const MAX_DEPTH = 200;

const isDeep = (json: unknown, levels: number): boolean =>
  typeof json === 'object' &&
  json !== null &&
  (levels === 0 || Object.values(json).some((each) => isDeep(each, levels - 1)));

/** A value as JSON.parse gives it. */
export type Json = JsonValue;

/**
 * The bytes of a message written in protobuf's JSON (bytes as base64, 64-bit numbers as strings, enums by name).
 * Throws INVALID_JSON with the path of the first field that does not fit, e.g. "lines[2].box.left".
 */
export function encodeJson(message: DescMessage, json: unknown, registry: Registry): Uint8Array {
  // Before anything else walks down: the library's own limit does not hold for parts that are tried alone.
  if (isDeep(json, MAX_DEPTH))
    throw new WeftError('INVALID_JSON', `the JSON goes deeper than ${MAX_DEPTH} levels`, {
      field: message.typeName,
      message: message.typeName,
    });
  try {
    return toBinary(message, fromJson(message, json as JsonValue, { registry }));
  } catch (error) {
    const { path, must } = locate(message, json, registry, '') ?? { path: '', must: reasonOf(error) };
    const field = path === '' ? message.typeName : path;
    throw new WeftError('INVALID_JSON', `${field}: ${must}`, { field, message: message.typeName });
  }
}

/** The message in `bytes` as JSON, unset fields included. Throws SERVICE_FAILED if it is no such message. */
export function decodeToJson(message: DescMessage, bytes: Uint8Array, registry: Registry): Json {
  try {
    return toJson(message, fromBinary(message, bytes), { registry, alwaysEmitImplicit: true });
  } catch (error) {
    throw new WeftError(
      'SERVICE_FAILED',
      `the answer is not a ${message.typeName}: ${reasonOf(error)}`,
      { message: message.typeName },
      { cause: error },
    );
  }
}

interface Misfit {
  readonly path: string;
  readonly must: string;
}

const isObject = (json: unknown): json is JsonObject =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

/** protobuf-es says what is wrong but not where: goes down to the first part that alone does not fit either. */
function locate(message: DescMessage, json: unknown, registry: Registry, at: string): Misfit | undefined {
  const own = reasonAgainst(message, json, registry);
  if (own === undefined) return undefined;
  if (!isObject(json) || isStandard(message)) return { path: at, must: own };
  const fields = new Map(message.fields.flatMap((field) => [[field.name, field] as const, [field.jsonName, field]]));
  for (const [key, value] of Object.entries(json)) {
    const path = at === '' ? key : `${at}.${key}`;
    const field = fields.get(key);
    if (field === undefined) return { path, must: `${message.typeName} has no such field` };
    const misfit = locateInField(message, field, key, value, registry, path);
    if (misfit !== undefined) return misfit;
  }
  return { path: at, must: own };
}

function locateInField(
  message: DescMessage,
  field: DescField,
  key: string,
  value: JsonValue,
  registry: Registry,
  path: string,
): Misfit | undefined {
  const reason = reasonAgainst(message, { [key]: value }, registry);
  if (reason === undefined) return undefined;
  const parts: [string, JsonValue, JsonValue][] =
    field.fieldKind === 'list' && Array.isArray(value)
      ? value.map((each, i) => [`${path}[${i}]`, each, [each]])
      : field.fieldKind === 'map' && isObject(value)
        ? Object.entries(value).map(([name, each]) => [`${path}[${JSON.stringify(name)}]`, each, { [name]: each }])
        : [[path, value, value]];
  for (const [partPath, part, alone] of parts) {
    const partReason = reasonAgainst(message, { [key]: alone }, registry);
    if (partReason === undefined) continue;
    const inside = field.message && locate(field.message, part, registry, partPath);
    return inside ?? { path: partPath, must: partReason };
  }
  return { path, must: reason };
}

function reasonAgainst(message: DescMessage, json: unknown, registry: Registry): string | undefined {
  try {
    fromJson(message, json as JsonValue, { registry });
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

/** Types with a JSON form of their own have no fields to go down into. */
const isStandard = (message: DescMessage): boolean => message.typeName.startsWith('google.protobuf.');

const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : 'does not fit')
    .replace(/^cannot decode (field|message|oneof) [^ ]+ from JSON: /, '')
    .replace('expected Uint8Array', 'expected bytes in base64')
    .slice(0, 200);
