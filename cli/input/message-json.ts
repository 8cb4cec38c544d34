import { WeftError } from '#core/errors.js';
import { type Pair, pairBytes } from './pairs.js';

/** As much of a JSON Schema as is needed to know how a field is written. */
export interface FieldSchema {
  readonly type?: string | readonly string[];
  readonly contentEncoding?: string;
  readonly properties?: Readonly<Record<string, FieldSchema>>;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, FieldSchema>>;
}

type JsonObject = { [key: string]: unknown };

/**
 * The request as protobuf JSON: `json` with every pair put in its place. A pair's name is a field or a path
 * ("box.left"). The schema decides how a value is written: bytes as base64, text as it is, anything else as JSON.
 */
export async function messageJson(json: string, pairs: readonly Pair[], schema: FieldSchema): Promise<JsonObject> {
  const message = parseObject(json);
  for (const pair of pairs) {
    const path = pair.name.split('.');
    const field = fieldAt(schema, path, pair.name);
    put(message, path, await written(pair, field), pair.name);
  }
  return message;
}

export function parseObject(json: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new WeftError(
      'INVALID_JSON',
      `the request is not JSON: ${(cause as Error).message}`,
      { field: '' },
      { cause },
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new WeftError('INVALID_JSON', 'the request must be a JSON object', { field: '' });
  return value as JsonObject;
}

async function written(pair: Pair, field: FieldSchema): Promise<unknown> {
  const bytes = await pairBytes(pair);
  if (field.contentEncoding === 'base64') {
    // A value given in place is base64 already, as in JSON; a file is bytes.
    return pair.fromFile ? bytes.toString('base64') : pair.value;
  }
  const text = bytes.toString('utf8');
  if (isText(field)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const isText = ({ type }: FieldSchema): boolean => (Array.isArray(type) ? type[0] === 'string' : type === 'string');

function fieldAt(root: FieldSchema, path: readonly string[], name: string): FieldSchema {
  let field = resolve(root, root);
  for (const key of path) {
    const properties = field.properties;
    if (properties === undefined || !Object.hasOwn(properties, key)) {
      const known = Object.keys(properties ?? {});
      const list = known.length === 0 ? 'it has no fields' : `it has ${known.join(', ')}`;
      throw new WeftError('INVALID_JSON', `the request has no field "${name}"; ${list}`, { field: name });
    }
    field = resolve(properties[key] as FieldSchema, root);
  }
  return field;
}

/** Follows "#/$defs/Name", the only form that our schemas use. */
function resolve(schema: FieldSchema, root: FieldSchema): FieldSchema {
  const name = schema.$ref?.replace('#/$defs/', '');
  return name === undefined ? schema : (root.$defs?.[name] ?? {});
}

function put(message: JsonObject, path: readonly string[], value: unknown, name: string): void {
  let at = message;
  for (const key of path.slice(0, -1)) {
    if (!Object.hasOwn(at, key)) at[key] = {};
    const next = at[key];
    if (typeof next !== 'object' || next === null || Array.isArray(next))
      throw new WeftError('INVALID_JSON', `"${name}" goes through "${key}", which is not an object`, { field: name });
    at = next as JsonObject;
  }
  const last = path.at(-1) as string;
  if (Object.hasOwn(at, last))
    throw new WeftError('INVALID_JSON', `"${name}" is given twice, in the JSON and as a field`, { field: name });
  at[last] = value;
}
