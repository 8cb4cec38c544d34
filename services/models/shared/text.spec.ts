import { describe, expect, it } from '@jest/globals';
import { MAX_CHARACTERS } from './limits.js';
import { checkText } from './text.js';

describe('checkText', () => {
  it('counts code points', () => {
    expect(checkText('añ 😀')).toBe(4);
    expect(checkText('😀'.repeat(MAX_CHARACTERS))).toBe(MAX_CHARACTERS);
  });

  it.each(['', ' ', '\n\t \u00a0'])('refuses %j as empty', (text) => {
    expect(() => checkText(text)).toThrow(
      expect.objectContaining({ reason: 'EMPTY_TEXT', details: { field: 'text' } }),
    );
  });

  it.each([
    ['one character', 'a'.repeat(MAX_CHARACTERS + 1)],
    ['one surrogate pair', '😀'.repeat(MAX_CHARACTERS + 1)],
    ['millions', 'a'.repeat(5_000_000)],
  ])('refuses %s too many', (_, text) => {
    expect(() => checkText(text)).toThrow(
      expect.objectContaining({ reason: 'TEXT_TOO_LONG', details: { field: 'text', limit: '100000' } }),
    );
  });
});
