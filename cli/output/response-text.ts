import { plainText } from '#core/plain-text.js';

const MAX_STRING = 2_000;
const MAX_TEXT = 100_000;

/** A response for people: long texts, above all base64, are cut. */
export const responseText = (response: unknown): string =>
  plainText(
    JSON.stringify(
      response,
      (_key, value: unknown) =>
        typeof value === 'string' && value.length > MAX_STRING
          ? `${value.slice(0, 60)}… (${value.length} characters, whole with --json)`
          : value,
      2,
    ),
    MAX_TEXT,
  );
