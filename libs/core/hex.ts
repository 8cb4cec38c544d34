import { WeftError } from './errors.js';

/** "0x…" text, lower case. */
export type Hex = `0x${string}`;

const digits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function toHex(bytes: Uint8Array): Hex {
  let text = '0x';
  for (const byte of bytes) text += digits[byte];
  return text as Hex;
}

/** Reads "0x…" text of exactly `length` bytes (any length if not given). `field` names it in the error. */
export function fromHex(text: string, field: string, length?: number): Uint8Array {
  const wanted = length === undefined ? 'an even number of' : String(length * 2);
  if (!/^0x([0-9a-fA-F]{2})*$/.test(text) || (length !== undefined && text.length !== 2 + length * 2)) {
    throw new WeftError('INVALID_INPUT', `${field} must be 0x and ${wanted} hexadecimal digits`, { field });
  }
  const bytes = new Uint8Array((text.length - 2) / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 + i * 2, 4 + i * 2), 16);
  return bytes;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
