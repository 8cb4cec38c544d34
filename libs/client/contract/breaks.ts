import { type DescEnum, type DescField, type DescMessage, type DescMethod, ScalarType } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import type { Contract } from './read-contract.js';

/**
 * What callers of `before` would stumble over at a server of `after`: one line each, beginning with the full name.
 * The rules are those of `buf breaking` WIRE_JSON for what the service's methods reach; empty if nothing breaks.
 */
export function breaks(before: Contract, after: Contract): string[] {
  if (before.service !== after.service) return [`${before.service}: the service is now ${after.service}`];
  return new Comparison().service(before, after);
}

class Comparison {
  readonly #found: string[] = [];
  readonly #seen = new Set<string>();

  service(before: Contract, after: Contract): string[] {
    const methods = new Map(after.descriptor.methods.map((method) => [method.name, method]));
    for (const method of before.descriptor.methods) {
      const now = methods.get(method.name);
      if (now === undefined) this.#say(`${before.service}.${method.name}`, 'the method is gone');
      else this.#method(`${before.service}.${method.name}`, method, now);
    }
    return this.#found;
  }

  #say(name: string, what: string): void {
    this.#found.push(`${name}: ${what}`);
  }

  #method(name: string, before: DescMethod, after: DescMethod): void {
    if (before.methodKind !== after.methodKind) this.#say(name, `was ${kind(before)}, is ${kind(after)}`);
    this.#message(name, 'request', before.input, after.input);
    this.#message(name, 'response', before.output, after.output);
  }

  #message(user: string, role: string, before: DescMessage, after: DescMessage): void {
    if (!this.#sameName(user, role, before, after)) return;
    const fields = new Map(after.fields.map((field) => [field.number, field]));
    for (const field of before.fields) {
      const name = `${before.typeName}.${field.name}`;
      const now = fields.get(field.number);
      if (now === undefined) this.#say(name, `field ${field.number} is gone`);
      else this.#field(name, field, now);
      fields.delete(field.number);
    }
    for (const field of fields.values())
      if (isRequired(field)) this.#say(`${before.typeName}.${field.name}`, 'is new and required');
  }

  /** Whether the two are to be compared: of one name, and not compared yet. */
  #sameName(user: string, role: string, before: { typeName: string }, after: { typeName: string }): boolean {
    if (before.typeName !== after.typeName) {
      this.#say(user, `its ${role} was ${before.typeName}, is ${after.typeName}`);
      return false;
    }
    const isNew = !this.#seen.has(before.typeName);
    this.#seen.add(before.typeName);
    return isNew;
  }

  #field(name: string, before: DescField, after: DescField): void {
    if (before.name !== after.name) this.#say(name, `field ${before.number} is now called ${after.name}`);
    if (shape(before) !== shape(after)) this.#say(name, `was ${shape(before)}, is ${shape(after)}`);
    else if (wireType(before) !== wireType(after)) this.#say(name, `was ${typeName(before)}, is ${typeName(after)}`);
    else if (before.message !== undefined && after.message !== undefined)
      this.#message(name, 'type', before.message, after.message);
    else if (before.enum !== undefined && after.enum !== undefined) this.#enum(name, before.enum, after.enum);
    if (before.oneof?.name !== after.oneof?.name)
      this.#say(name, `was in oneof ${before.oneof?.name ?? '(none)'}, is in ${after.oneof?.name ?? '(none)'}`);
    if (isRequired(before) !== isRequired(after))
      this.#say(name, isRequired(after) ? 'is required now' : 'is not required any more');
  }

  #enum(user: string, before: DescEnum, after: DescEnum): void {
    if (!this.#sameName(user, 'type', before, after)) return;
    for (const { name, number } of before.values) {
      const names = after.values.filter((value) => value.number === number).map((value) => value.name);
      if (names.length === 0) this.#say(`${before.typeName}.${name}`, `value ${number} is gone`);
      else if (!names.includes(name))
        this.#say(`${before.typeName}.${name}`, `value ${number} is now called ${names[0]}`);
    }
  }
}

const kind = (method: DescMethod): string => method.methodKind.replace('_', ' ');

const isRequired = (field: DescField): boolean => field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED;

const shape = (field: DescField): string =>
  field.fieldKind === 'map'
    ? `map with keys ${scalarName(field.mapKey)}`
    : field.fieldKind === 'list'
      ? 'repeated'
      : 'a single value';

/** Two types with one of these read each other's bytes and JSON. */
function wireType(field: DescField): string {
  if (field.message !== undefined) return 'delimitedEncoding' in field && field.delimitedEncoding ? 'group' : 'message';
  if (field.enum !== undefined) return 'enum';
  return interchangeable.get(field.scalar) ?? scalarName(field.scalar);
}

const interchangeable: ReadonlyMap<ScalarType | undefined, string> = new Map<ScalarType | undefined, string>([
  [ScalarType.UINT32, 'int32'],
  [ScalarType.UINT64, 'int64'],
  [ScalarType.SFIXED32, 'fixed32'],
  [ScalarType.SFIXED64, 'fixed64'],
]);

const scalarName = (type: ScalarType | undefined): string =>
  type === undefined ? 'unknown' : (ScalarType[type]?.toLowerCase() ?? 'unknown');

const typeName = (field: DescField): string =>
  field.message?.typeName ?? field.enum?.typeName ?? scalarName(field.scalar);
