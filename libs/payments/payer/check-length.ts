import { WeftError } from '#core/errors.js';

/** Throws INVALID_INPUT that names `field`. */
export function checkLength(bytes: Uint8Array, field: string, length: number): void {
  if (bytes.length !== length)
    throw new WeftError('INVALID_INPUT', `${field} must have ${length} bytes, not ${bytes.length}`, { field });
}
