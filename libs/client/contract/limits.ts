import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { WeftError } from '#core/errors.js';
import { checkFileName, checkIdentifier, checkOptionalName, checkTypeName } from './names.js';

/** What a contract may have at most. Counted on the raw bytes, before anything is built from them. */
export const contractLimits = {
  bytes: 512 * 1024,
  files: 64,
  messages: 1_000,
  fieldsPerMessage: 1_000,
  fields: 2_000,
  enumValues: 2_000,
  methods: 500,
  /** Messages declared inside messages. */
  depth: 32,
  imports: 1_000,
  /** Descriptors and options of every kind together. */
  elements: 40_000,
} as const;

/** Of one file. Positions and comments beyond these are left out, not refused: nothing depends on them. */
const MAX_POSITIONS = 40_000;
const MAX_COMMENTS = 5_000;

/** A comment of a file; `path` counts elements as SourceCodeInfo.Location does. */
export interface RawComment {
  readonly path: readonly number[];
  readonly text: string;
}

export interface BoundedFile {
  /** A FileDescriptorProto with nothing in it but what a contract consists of. */
  readonly bytes: Uint8Array;
  readonly comments: readonly RawComment[];
}

/**
 * Reads a serialized FileDescriptorSet from a stranger: holds it against every limit, checks every name, and gives its
 * files without what no contract needs (options, extensions, positions), so that what is built from them is bounded.
 */
export function boundDescriptorSet(set: Uint8Array): BoundedFile[] {
  if (set.length > contractLimits.bytes) tooLarge('bytes', set.length);
  const counts = new Counts();
  const files: BoundedFile[] = [];
  try {
    const reader = new BinaryReader(set);
    while (reader.pos < reader.len) {
      const [no, type] = reader.tag();
      if (no === 1 && type === WireType.LengthDelimited) files.push(boundFile(reader.bytes(), counts));
      else reader.skip(type, no);
    }
  } catch (error) {
    if (error instanceof WeftError) throw error;
    throw new WeftError('CONTRACT_INVALID', 'the contract is not a FileDescriptorSet: its bytes do not parse');
  }
  return files;
}

type Limit = keyof typeof contractLimits;

function tooLarge(limit: Limit, found: number): never {
  const max = contractLimits[limit];
  throw new WeftError('CONTRACT_TOO_LARGE', `the contract has at least ${found} ${limit}; at most ${max} are taken`, {
    limit,
    max: String(max),
  });
}

class Counts {
  readonly #counts = new Map<Limit, number>();

  add(limit: Limit): void {
    const count = (this.#counts.get(limit) ?? 0) + 1;
    if (count > contractLimits[limit]) tooLarge(limit, count);
    this.#counts.set(limit, count);
  }
}

/** What is kept of a descriptor message, by field number; everything else is left out. */
interface Shape {
  readonly limit?: Limit;
  readonly keep: ReadonlyMap<number, Keep>;
}
type Keep = Shape | 'varint' | ((text: string) => void);

const shape = (keep: Record<number, Keep>, limit?: Limit): Shape => ({
  keep: new Map(Object.entries(keep).map(([no, what]) => [Number(no), what])),
  ...(limit === undefined ? {} : { limit }),
});

// Features 1 to 6 decide presence, packing and encoding; the others are for single languages.
const FEATURES = shape({ 1: 'varint', 2: 'varint', 3: 'varint', 4: 'varint', 5: 'varint', 6: 'varint' });
const ENUM = shape({
  1: checkIdentifier,
  2: shape({ 1: checkIdentifier, 2: 'varint' }, 'enumValues'),
  3: shape({ 7: FEATURES }),
});
const FIELD = shape(
  {
    1: checkIdentifier,
    3: 'varint',
    4: 'varint',
    5: 'varint',
    6: checkOptionalName,
    8: shape({ 2: 'varint', 21: FEATURES }),
    9: 'varint',
    17: 'varint',
  },
  'fields',
);
const MESSAGE: Shape = shape(
  {
    1: checkIdentifier,
    2: FIELD,
    4: ENUM,
    7: shape({ 7: 'varint', 12: FEATURES }),
    8: shape({ 1: checkIdentifier }, 'fields'),
  },
  'messages',
);
(MESSAGE.keep as Map<number, Keep>).set(3, MESSAGE);
const METHOD = shape({ 1: checkIdentifier, 2: checkTypeName, 3: checkTypeName, 5: 'varint', 6: 'varint' }, 'methods');
const FILE = shape(
  {
    1: checkFileName,
    2: checkOptionalName,
    3: checkFileName,
    4: MESSAGE,
    5: ENUM,
    6: shape({ 1: checkIdentifier, 2: METHOD }, 'methods'),
    8: shape({ 50: FEATURES }),
    12: (syntax) => checkSyntax(syntax),
    14: 'varint',
  },
  'files',
);

const SOURCE_INFO = 9;

function boundFile(bytes: Uint8Array, counts: Counts): BoundedFile {
  const writer = new BinaryWriter();
  copy(FILE, bytes, writer, counts, 0);
  return { bytes: writer.finish(), comments: readComments(bytes) };
}

function copy(from: Shape, bytes: Uint8Array, writer: BinaryWriter, counts: Counts, depth: number): void {
  counts.add('elements');
  if (from.limit !== undefined) counts.add(from.limit);
  if (depth > contractLimits.depth) tooLarge('depth', depth);
  let fields = 0;
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [no, type] = reader.tag();
    const keep = from.keep.get(no);
    if (keep === 'varint' && type === WireType.Varint) {
      writer.tag(no, type).raw(reader.skip(type, no));
    } else if (keep !== undefined && keep !== 'varint' && type === WireType.LengthDelimited) {
      if (from === FILE && no === 3) counts.add('imports');
      if (keep === FIELD && ++fields > contractLimits.fieldsPerMessage) tooLarge('fieldsPerMessage', fields);
      if (typeof keep === 'function') {
        const text = reader.string(true);
        keep(text);
        writer.tag(no, type).string(text);
      } else {
        writer.tag(no, type).fork();
        copy(keep, reader.bytes(), writer, counts, keep === MESSAGE ? depth + 1 : depth);
        writer.join();
      }
    } else {
      reader.skip(type, no);
    }
  }
}

function checkSyntax(syntax: string): void {
  if (!['', 'proto2', 'proto3', 'editions'].includes(syntax))
    throw new WeftError('CONTRACT_INVALID', `${JSON.stringify(syntax.slice(0, 40))} is not a syntax of protobuf`);
}

/** Leading comments (else those behind an element), straight from the bytes: there are many positions without one. */
function readComments(file: Uint8Array): RawComment[] {
  const comments: RawComment[] = [];
  let positions = 0;
  for (const info of submessages(file, SOURCE_INFO)) {
    for (const location of submessages(info, 1)) {
      if (comments.length === MAX_COMMENTS || ++positions > MAX_POSITIONS) return comments;
      const comment = readLocation(location);
      if (comment !== undefined) comments.push(comment);
    }
  }
  return comments;
}

function* submessages(bytes: Uint8Array, wanted: number): Generator<Uint8Array> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [no, type] = reader.tag();
    if (no === wanted && type === WireType.LengthDelimited) yield reader.bytes();
    else reader.skip(type, no);
  }
}

function readLocation(bytes: Uint8Array): RawComment | undefined {
  const path: number[] = [];
  let leading = '';
  let trailing = '';
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [no, type] = reader.tag();
    if (no === 1 && type === WireType.LengthDelimited) {
      const packed = new BinaryReader(reader.bytes());
      // Twice the depth for messages in messages, and the element itself.
      while (packed.pos < packed.len && path.length < 2 * contractLimits.depth + 4) path.push(packed.int32());
    } else if (no === 3 && type === WireType.LengthDelimited) leading = reader.string();
    else if (no === 4 && type === WireType.LengthDelimited) trailing = reader.string();
    else reader.skip(type, no);
  }
  const text = (leading.trim() || trailing.trim()).trim();
  return text === '' ? undefined : { path, text };
}
