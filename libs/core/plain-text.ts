/*
 * Text written by strangers (descriptions, errors, results) before a person's terminal or a model reads it: control
 * characters would drive the terminal, invisible and bidirectional ones would show another text than is there.
 */

/** Controls (with escape) but tab and newline, bidi marks, zero-width and other ignorable characters, line separators, private use. */
const hidden = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Default_Ignorable_Code_Point}]/gu;
const halfPair = /\p{Cs}/gu;

/** Without hidden characters; tabs and newlines stay (a carriage return is one). Cut after `maxLength` characters, with "…" in place of the rest. */
export function plainText(text: string, maxLength = 10_000): string {
  // Cut before cleaning, so that the work is bounded; that may halve a pair.
  const bounded = text.slice(0, maxLength * 4);
  const clean = bounded.replace(/\r\n?/g, '\n').replace(halfPair, '\ufffd').replace(hidden, '');
  const characters = [...clean];
  if (characters.length <= maxLength && bounded.length === text.length) return clean;
  return `${characters.slice(0, Math.max(0, maxLength - 1)).join('')}…`;
}

/** The same on one line: runs of white space become one space. */
export function plainLine(text: string, maxLength = 200): string {
  const line = text.slice(0, maxLength * 8).replace(/\s+/g, ' ');
  return plainText(line.trim(), maxLength);
}
