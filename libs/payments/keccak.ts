import { createKeccak } from 'hash-wasm';

const hasher = await createKeccak(256);

/** keccak-256. Hashing is one synchronous step, so one hasher serves all. */
export const keccak = (bytes: Uint8Array): Buffer => asBuffer(hasher.init().update(bytes).digest('binary'));

export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
