import type { JsonSchema } from '#client/contract/json-schema.js';
import { plainLine } from '#core/plain-text.js';

const isObject = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A message's fields for people, one a line: "image: bytes — The encoded picture." Messages inside are indented, once. */
export function fieldLines(root: JsonSchema): string[] {
  return linesOf(root, root, '', new Set());
}

function linesOf(schema: JsonSchema, root: JsonSchema, indent: string, above: ReadonlySet<unknown>): string[] {
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  return Object.entries(properties).flatMap(([name, field]) => {
    if (!isObject(field)) return [];
    const { description } = field;
    const text = typeof description === 'string' ? ` — ${plainLine(description, 160)}` : '';
    const message = messageOf(field, root);
    const inside =
      message === undefined || above.has(message)
        ? []
        : linesOf(message, root, `${indent}  `, new Set([...above, message]));
    return [`${indent}${plainLine(name, 100)}: ${typeOf(field, root)}${text}`, ...inside];
  });
}

/** The message that a field holds, itself or in a list. */
function messageOf(field: JsonSchema, root: JsonSchema): JsonSchema | undefined {
  const item = isObject(field['items']) ? field['items'] : field;
  const reference = item['$ref'];
  const definitions = root['$defs'];
  if (typeof reference !== 'string' || !isObject(definitions)) return undefined;
  const found = definitions[reference.replace('#/$defs/', '')];
  return isObject(found) ? found : undefined;
}

function typeOf(field: JsonSchema, root: JsonSchema): string {
  const { type, items, additionalProperties, contentEncoding, anyOf } = field;
  const choices = field['enum'];
  const reference = field['$ref'];
  if (typeof reference === 'string') return reference.slice(reference.lastIndexOf('.') + 1);
  if (contentEncoding === 'base64') return 'bytes';
  if (Array.isArray(choices)) return choices.map((each) => plainLine(String(each), 40)).join(' | ');
  if (isObject(items)) return `list of ${typeOf(items, root)}`;
  if (isObject(additionalProperties)) return `map of ${typeOf(additionalProperties, root)}`;
  if (Array.isArray(anyOf)) return 'number';
  return typeof type === 'string' ? type : 'value';
}
