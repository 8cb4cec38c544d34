import { asBuffer } from './as-buffer.js';

/** Bytes as the key of a map: a character for each. */
export const keyOf = (bytes: Uint8Array): string => asBuffer(bytes).toString('latin1');
