import { createKeccak } from 'hash-wasm';
import { asBuffer } from '#platform/as-buffer.js';

const hasher = await createKeccak(256);

/** keccak-256. Hashing is one synchronous step, so one hasher serves all. */
export const keccak = (bytes: Uint8Array): Buffer => asBuffer(hasher.init().update(bytes).digest('binary'));
