import { asBuffer } from '#platform/as-buffer.js';
import { keccak } from './keccak.js';

/** A value of a statically sized ABI word: numbers right-aligned, byte strings as they are (32) or right-aligned (addresses). */
export type Word = bigint | number | Uint8Array;

/** `abi.encode` of static values: one 32-byte word each. Written out because it is on the path of every call. */
export function encodeWords(words: readonly Word[]): Buffer {
  const out = Buffer.alloc(words.length * 32);
  let end = 0;
  for (const word of words) {
    end += 32;
    if (typeof word === 'object') {
      if (word.length !== 32 && word.length !== 20) throw new RangeError(`a word of ${word.length} bytes`);
      out.set(word, end - word.length);
    } else {
      writeUint(out, BigInt(word), end);
    }
  }
  return out;
}

function writeUint(out: Buffer, value: bigint, end: number): void {
  if (value < 0n || value >= 1n << 256n) throw new RangeError('not an unsigned 256-bit number');
  out.writeBigUInt64BE(value & 0xffffffffffffffffn, end - 8);
  if (value <= 0xffffffffffffffffn) return;
  out.writeBigUInt64BE((value >> 64n) & 0xffffffffffffffffn, end - 16);
  out.writeBigUInt64BE((value >> 128n) & 0xffffffffffffffffn, end - 24);
  out.writeBigUInt64BE(value >> 192n, end - 32);
}

export const keccakWords = (words: readonly Word[]): Buffer => keccak(encodeWords(words));

export const keccakText = (text: string): Buffer => keccak(Buffer.from(text, 'utf8'));

/** Hash of a list as EIP-712 encodes it: keccak of the elements' encodings, one after the other. */
export const keccakList = (hashes: readonly Uint8Array[]): Buffer => keccak(Buffer.concat(hashes.map(asBuffer)));
