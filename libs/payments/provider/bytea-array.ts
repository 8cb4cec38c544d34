const BYTEA_OID = 17;

/**
 * A `bytea[]` parameter in PostgreSQL's binary form. The driver's own text form writes every byte as two characters,
 * which costs more than the rest of a commit when responses are large.
 */
export function byteaArray(items: readonly (Uint8Array | null)[]): Buffer {
  let size = 20;
  for (const item of items) size += 4 + (item === null ? 0 : item.length);
  const out = Buffer.allocUnsafe(size);
  out.writeInt32BE(1, 0); // dimensions
  out.writeInt32BE(1, 4); // may hold nulls
  out.writeInt32BE(BYTEA_OID, 8);
  out.writeInt32BE(items.length, 12);
  out.writeInt32BE(1, 16); // lower bound
  let at = 20;
  for (const item of items) {
    out.writeInt32BE(item === null ? -1 : item.length, at);
    at += 4;
    if (item === null) continue;
    out.set(item, at);
    at += item.length;
  }
  return out;
}

/** An array of numbers as text; amounts do not fit the driver's numbers. */
export const numberArray = (items: readonly (bigint | number)[]): string => `{${items.join(',')}}`;
