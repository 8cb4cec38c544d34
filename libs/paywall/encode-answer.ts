import { WeftError } from '#core/errors.js';
import { encodeResponse } from '#core/service-definition.js';
import { asBuffer } from '#platform/as-buffer.js';
import type { Route } from './offers.js';

/** What a handler answered, as it is sent. Error: INTERNAL, because Nest catches nothing that is thrown while it answers. */
export function encodeAnswer({ method, definition }: Route, message: unknown): Buffer {
  try {
    return asBuffer(encodeResponse(definition, message));
  } catch (cause) {
    throw new WeftError('INTERNAL', `what ${method} answered is not a message of it`, {}, { cause });
  }
}
