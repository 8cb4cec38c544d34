import { toHex } from '#core/hex.js';

/**
 * What `--json` prints: amounts (bigint) as decimal strings, ids, digests and addresses (bytes) as "0x…".
 * Bytes that are content (pictures) are base64 already when they come here, as protobuf's JSON has them.
 */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === 'bigint') return item.toString(10);
    // A Buffer has turned itself into {type, data} before the replacer sees it.
    if (isBufferJson(item)) return toHex(Uint8Array.from(item.data));
    if (item instanceof Uint8Array) return toHex(item);
    return item;
  });
}

const isBufferJson = (item: unknown): item is { type: 'Buffer'; data: number[] } =>
  typeof item === 'object' &&
  item !== null &&
  (item as { type?: unknown }).type === 'Buffer' &&
  Array.isArray((item as { data?: unknown }).data);
