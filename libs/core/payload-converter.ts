import {
  BinaryPayloadConverter,
  CompositePayloadConverter,
  JsonPayloadConverter,
  METADATA_ENCODING_KEY,
  type Payload,
  type PayloadConverterWithEncoding,
  UndefinedPayloadConverter,
  ValueError,
} from '@temporalio/common';
import { decode, encode } from '@temporalio/common/lib/encoding.js';

const ENCODING = 'binary/weft';
const LENGTH_BYTES = 4;

/** Keys from the top value down to one that JSON cannot hold. */
type Path = readonly (string | number)[];

interface Head {
  /** The value, with null wherever something else belongs. */
  readonly value: unknown;
  /** Where bytes belong, in the order in which they follow the head, and how many. */
  readonly bytes: readonly (readonly [Path, number])[];
  readonly bigints: readonly (readonly [Path, string])[];
}

/**
 * Values in which somewhere bytes or bigints occur: JSON for the rest, the bytes as they are behind it. Messages and
 * pictures thus pass between clients, workflows and activities as plain objects. Everything else stays ordinary JSON.
 */
class MixedPayloadConverter implements PayloadConverterWithEncoding {
  readonly encodingType = ENCODING;

  toPayload(value: unknown): Payload | undefined {
    if (typeof value !== 'object' || value === null) return undefined;
    const blobs: Uint8Array[] = [];
    const bytes: [Path, number][] = [];
    const bigints: [Path, string][] = [];
    const plain = extract(value, [], (path, found) => {
      if (typeof found === 'bigint') return bigints.push([path, found.toString()]);
      bytes.push([path, found.length]);
      return blobs.push(found);
    });
    if (bytes.length === 0 && bigints.length === 0) return undefined;
    const head = encode(JSON.stringify({ value: plain, bytes, bigints } satisfies Head));
    return { metadata: { [METADATA_ENCODING_KEY]: encode(ENCODING) }, data: join(head, blobs) };
  }

  fromPayload<T>(payload: Payload): T {
    const data = payload.data ?? new Uint8Array();
    if (data.length < LENGTH_BYTES) throw new ValueError(`a payload of ${ENCODING} is cut short`);
    const start = LENGTH_BYTES + new DataView(data.buffer, data.byteOffset).getUint32(0);
    const head = JSON.parse(decode(data.subarray(LENGTH_BYTES, start))) as Head;
    const root = { value: head.value };
    let offset = start;
    for (const [path, length] of head.bytes) {
      put(root, ['value', ...path], new Uint8Array(data.subarray(offset, offset + length)));
      offset += length;
    }
    if (offset !== data.length) throw new ValueError(`a payload of ${ENCODING} has the wrong length`);
    for (const [path, text] of head.bigints) put(root, ['value', ...path], BigInt(text));
    return root.value as T;
  }
}

/** A copy with null in place of what `found` is told about; untouched parts are shared. */
function extract(value: unknown, path: Path, found: (path: Path, value: Uint8Array | bigint) => unknown): unknown {
  if (typeof value === 'bigint' || isBytes(value)) {
    found(path, value);
    return null;
  }
  if (Array.isArray(value)) return value.map((each, i) => extract(each, [...path, i], found));
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, extract(each, [...path, key], found)]));
}

/** By its tag, since bytes that enter a workflow's sandbox are of another realm's class. */
const isBytes = (value: unknown): value is Uint8Array =>
  ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === '[object Uint8Array]';

/** Only ever replaces a null that is there, so that no path reaches a prototype. */
function put(root: object, path: Path, value: unknown): void {
  let holder = root as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) holder = own(holder, key) as Record<string | number, unknown>;
  const last = path.at(-1) ?? '';
  if (own(holder, last) !== null) throw new ValueError(`a payload of ${ENCODING} has no place for what it carries`);
  Object.defineProperty(holder, last, { value, writable: true, enumerable: true, configurable: true });
}

function own(holder: unknown, key: string | number): unknown {
  if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, key))
    throw new ValueError(`a payload of ${ENCODING} has no place for what it carries`);
  return Object.getOwnPropertyDescriptor(holder, key)?.value;
}

function join(head: Uint8Array, blobs: readonly Uint8Array[]): Uint8Array {
  const length = blobs.reduce((sum, blob) => sum + blob.length, LENGTH_BYTES + head.length);
  const out = new Uint8Array(length);
  new DataView(out.buffer).setUint32(0, head.length);
  out.set(head, LENGTH_BYTES);
  let offset = LENGTH_BYTES + head.length;
  for (const blob of blobs) {
    out.set(blob, offset);
    offset += blob.length;
  }
  return out;
}

/** How clients and workflows of Weft turn values into payloads. Temporal loads it by this name. */
export const payloadConverter = new CompositePayloadConverter(
  new UndefinedPayloadConverter(),
  new BinaryPayloadConverter(),
  new MixedPayloadConverter(),
  new JsonPayloadConverter(),
);
