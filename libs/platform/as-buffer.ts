/** The same bytes, not a copy. grpc-js and the database's driver take Buffers: they call methods that a Uint8Array lacks. */
export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
