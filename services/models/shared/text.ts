import { WeftError } from '#core/errors.js';
import { MAX_CHARACTERS } from './limits.js';

/** Unicode code points: what callers see as characters, whatever the encoding. */
export function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/**
 * The characters of a text that may be processed.
 * @throws WeftError EMPTY_TEXT (nothing but white space) or TEXT_TOO_LONG
 */
export function checkText(text: string): number {
  // A code point takes at most two units: what is longer need not be counted.
  const count = text.length > 2 * MAX_CHARACTERS ? Number.POSITIVE_INFINITY : countCharacters(text);
  if (count > MAX_CHARACTERS)
    throw new WeftError('TEXT_TOO_LONG', `text has more than ${MAX_CHARACTERS} characters`, {
      field: 'text',
      limit: String(MAX_CHARACTERS),
    });
  if (text.trim() === '') throw new WeftError('EMPTY_TEXT', 'text is empty', { field: 'text' });
  return count;
}
