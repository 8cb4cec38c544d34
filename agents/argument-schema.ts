import { Buffer } from 'node:buffer';
import type { AgentFiles } from './agent-files.js';

/** JSON Schema as libs/client makes it from a contract. */
type Schema = { readonly [keyword: string]: unknown };

const MAX_DEPTH = 32;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isBytes = (schema: Schema): boolean => schema['contentEncoding'] === 'base64';

/** The contract's schema as a model gets it: where bytes are wanted it names a file. */
export function argumentSchema(schema: Schema): Schema {
  if (isBytes(schema)) {
    const { contentEncoding: _bytes, description, ...rest } = schema;
    const hint = 'Name of one of your files.';
    return { ...rest, description: typeof description === 'string' ? `${description} ${hint}` : hint };
  }
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, isObject(value) ? argumentSchema(value) : value]),
  );
}

/** Arguments of a model as protobuf JSON: names of files replaced by their bytes in base64. */
export const withFiles = (schema: Schema, args: unknown, files: AgentFiles): unknown =>
  mapBytes(schema, schema, args, '', (value, path) =>
    typeof value === 'string' ? Buffer.from(files.get(value, path)).toString('base64') : value,
  );

/** An answer's protobuf JSON for a model, or a list of it: bytes kept as files and replaced by their names. */
export function withoutBytes(schema: Schema, answer: unknown, files: AgentFiles): unknown {
  const keep = files.keeper();
  return mapBytes(schema, Array.isArray(answer) ? { items: schema } : schema, answer, '', (value) => {
    if (typeof value !== 'string' || value === '') return value;
    const bytes = Buffer.from(value, 'base64');
    return keep(bytes) ?? `too large to keep (${bytes.length} bytes)`;
  });
}

/** Copies `value`, with every part that the schema calls bytes put through `change`. What does not fit the schema stays. */
function mapBytes(
  root: Schema,
  given: Schema,
  value: unknown,
  path: string,
  change: (value: unknown, path: string) => unknown,
  depth = 0,
): unknown {
  const schema = resolve(root, given);
  if (depth > MAX_DEPTH) return value;
  if (isBytes(schema)) return change(value, path);
  const into = (part: unknown, item: unknown, name: string) =>
    isObject(part) ? mapBytes(root, part, item, path === '' ? name : `${path}.${name}`, change, depth + 1) : item;
  if (Array.isArray(value)) return value.map((item, i) => into(schema['items'], item, String(i)));
  if (!isObject(value)) return value;
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      into(Object.hasOwn(properties, key) ? properties[key] : schema['additionalProperties'], item, key),
    ]),
  );
}

/** Follows "#/$defs/Name", the only form that contracts' schemas use. */
function resolve(root: Schema, schema: Schema): Schema {
  const reference = schema['$ref'];
  if (typeof reference !== 'string') return schema;
  const definitions = root['$defs'];
  const name = reference.replace('#/$defs/', '');
  const found = isObject(definitions) && Object.hasOwn(definitions, name) ? definitions[name] : undefined;
  return isObject(found) ? found : {};
}
