import { createHash } from 'node:crypto';
import { z } from 'zod';
import { WeftError } from '#core/errors.js';
import { plainLine, plainText } from '#core/plain-text.js';
import { gateSchema, readGate, type TokenGate } from '#payments/token-gate.js';

/** What a provider says about his offer. Text of a stranger, cleaned of what cannot be seen, nothing more. */
export interface ListingDocs {
  readonly title: string;
  readonly summary: string;
  /** Lower-case words. */
  readonly tags: readonly string[];
  /** By the method's short name. */
  readonly methods: ReadonlyMap<string, string>;
  /** What callers must hold. */
  readonly gate: TokenGate | undefined;
}

export const MAX_DOCS_BYTES = 16 * 1024;

const schema = z.strictObject({
  title: z.string().min(1).max(80),
  summary: z.string().max(1_000).default(''),
  tags: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'must be 1 to 32 of a-z, 0-9 and -'))
    .max(20)
    .default([]),
  methods: z.record(z.string().regex(/^[A-Za-z_]\w{0,127}$/), z.string().max(4_000)).default({}),
  gate: gateSchema.optional(),
});

/** As a provider writes them. */
export type ListingDocsInput = z.input<typeof schema>;

/** sha-256, as the listing carries it. */
export const docsDigest = (docs: Uint8Array): Buffer => createHash('sha256').update(docs).digest();

/** Throws LISTING_INVALID with the path of the field. */
export function readDocs(bytes: Uint8Array): ListingDocs {
  if (bytes.length > MAX_DOCS_BYTES) throw invalid('docs', `has ${bytes.length} bytes, at most ${MAX_DOCS_BYTES} go`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw invalid('docs', 'is not JSON in UTF-8');
  }
  const docs = parse(json);
  return {
    title: plainLine(docs.title, 80),
    summary: plainText(docs.summary, 1_000),
    tags: [...new Set(docs.tags)],
    methods: new Map(Object.entries(docs.methods).map(([name, text]) => [name, plainText(text, 4_000)])),
    gate: docs.gate && readGate(docs.gate),
  };
}

/** The bytes that `docs` of a signed listing has: the same for the same content. */
export function writeDocs(docs: ListingDocsInput): Uint8Array {
  const { title, summary, tags, methods, gate } = parse(docs);
  const sorted = Object.fromEntries(Object.entries(methods).sort(([a], [b]) => (a < b ? -1 : 1)));
  const bytes = Buffer.from(JSON.stringify({ title, summary, tags, methods: sorted, gate }), 'utf8');
  readDocs(bytes);
  return bytes;
}

function parse(json: unknown): z.output<typeof schema> {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalid(['docs', ...(issue?.path ?? [])].join('.'), issue?.message ?? 'does not fit');
}

const invalid = (field: string, what: string): WeftError =>
  new WeftError('LISTING_INVALID', `${field}: ${what}`, { field });
