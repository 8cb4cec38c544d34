import { z } from 'zod';

/** Bytes in the JSON of a request: base64, at most `maxBytes` of them. */
export const base64Bytes = (maxBytes: number) =>
  z
    .base64('must be base64')
    .max(Math.ceil(maxBytes / 3) * 4, `must have at most ${maxBytes} bytes`)
    .meta({ contentEncoding: 'base64' })
    .transform((text) => new Uint8Array(Buffer.from(text, 'base64')));
