import { WeftError } from '#core/errors.js';

/*
 * Names in contracts come from strangers and end up as keys of objects, in searches and on screens. Compilers give only
 * identifiers; descriptors can be crafted by hand. Length is checked before anything else.
 */

const MAX_IDENTIFIER = 128;
const MAX_NAME = 512;
/** What protobuf-es and JSON would meet on the prototype of every object. */
const reserved: ReadonlySet<string> = new Set([...Object.getOwnPropertyNames(Object.prototype), 'prototype']);

const refuse = (name: string, what: string): never => {
  throw new WeftError('CONTRACT_INVALID', `the contract has the name ${JSON.stringify(name.slice(0, 80))}: ${what}`, {
    name: name.slice(0, 80),
  });
};

/** Of a message, field, oneof, enum, enum value, service or method. */
export function checkIdentifier(name: string): void {
  if (name.length > MAX_IDENTIFIER) refuse(name, `more than ${MAX_IDENTIFIER} characters`);
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) refuse(name, 'not an identifier');
  if (reserved.has(name)) refuse(name, 'reserved');
}

/** A package, or a full name with or without the leading dot. */
export function checkTypeName(name: string): void {
  if (name.length > MAX_NAME) refuse(name, `more than ${MAX_NAME} characters`);
  for (const part of (name.startsWith('.') ? name.slice(1) : name).split('.')) checkIdentifier(part);
}

/** As `checkTypeName`; empty stands for none. */
export function checkOptionalName(name: string): void {
  if (name !== '') checkTypeName(name);
}

export function checkFileName(name: string): void {
  if (name.length > MAX_NAME) refuse(name, `more than ${MAX_NAME} characters`);
  if (!/^[\w.\-/]+$/.test(name)) refuse(name, 'not a file name in ASCII');
}
