import createKeccakHash from 'keccak';

/** keccak-256; native where a prebuilt binding exists. */
export const keccak = (bytes: Uint8Array): Buffer => createKeccakHash('keccak256').update(asBuffer(bytes)).digest();

export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
