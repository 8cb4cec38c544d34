import type { DescMessage } from '@bufbuild/protobuf';
import { methodsOf } from '#client/contract/methods.js';
import type { Contract } from '#client/contract/read-contract.js';
import type { ListingDocs } from '#client/listing/listing-docs.js';

/** What a listing is found by, most telling first: weights A to D of PostgreSQL's text search. */
export interface SearchText {
  readonly a: string;
  readonly b: string;
  readonly c: string;
  readonly d: string;
  /** The words of title, service, tags and methods, for near misses. */
  readonly names: string;
}

/** tsvector takes 1 MiB at most, and nobody needs more to be found. */
const MAX_PART = 50_000;

export function searchText(contract: Contract, docs: ListingDocs): SearchText {
  const methods = methodsOf(contract);
  const names = (list: readonly string[]): string => list.map(identifierWords).join(' ');
  const types = typesOf(contract);
  const fields = types.flatMap((type) => [type.name, ...type.fields.map(({ name }) => name)]);
  const a = [docs.title, identifierWords(contract.service), ...docs.tags].join(' ');
  const b = names(methods.map(({ name }) => name));
  const c = [docs.summary, ...docs.methods.values(), names(fields)].join(' ');
  const elements = [
    contract.service,
    ...methods.map(({ name }) => `${contract.service}.${name}`),
    ...types.flatMap((type) => [type.typeName, ...type.fields.map(({ name }) => `${type.typeName}.${name}`)]),
  ];
  const d = elements.map((name) => contract.comments.get(name) ?? '').join(' ');
  return {
    a: a.slice(0, MAX_PART),
    b: b.slice(0, MAX_PART),
    c: c.slice(0, MAX_PART),
    d: d.slice(0, MAX_PART),
    names: `${a} ${b}`.toLowerCase().slice(0, 2_000),
  };
}

/** The messages that the methods reach. */
function typesOf(contract: Contract): DescMessage[] {
  const found = new Set(contract.descriptor.methods.flatMap(({ input, output }) => [input, output]));
  // A set can be added to while it is walked, and the walk sees it.
  for (const message of found) for (const field of message.fields) if (field.message) found.add(field.message);
  return [...found];
}

/** An identifier and the words in it: "models.ocr.v1.OcrService" is also "models ocr v1 Ocr Service". */
export function identifierWords(identifier: string): string {
  const words = identifier
    .replace(/[._/]+/g, ' ')
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2');
  return words === identifier ? identifier : `${identifier} ${words}`;
}
