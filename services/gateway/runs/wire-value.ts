import { asBuffer } from '#platform/as-buffer.js';

/** A workflow's output as JSON: bytes as base64, 64-bit numbers as decimal strings. */
export function wireValue(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString(10);
  if (value instanceof Uint8Array) return asBuffer(value).toString('base64');
  if (Array.isArray(value)) return value.map(wireValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, wireValue(item)]));
}
