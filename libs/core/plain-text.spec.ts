import { plainLine, plainText } from './plain-text.js';

describe('plainText', () => {
  test.each([
    ['an escape sequence', 'a\u001b[31mred\u001b[0m', 'a[31mred[0m'],
    ['a C1 control', 'a\u009b31mb', 'a31mb'],
    ['a carriage return', 'good\rbad\r\n.', 'good\nbad\n.'],
    ['a right-to-left override', 'user\u202egpj.exe', 'usergpj.exe'],
    ['isolates', '\u2066a\u2069', 'a'],
    ['zero-width characters', 'pa\u200by\u2060pal\ufeff', 'paypal'],
    ['tag characters', 'hi\u{e0049}\u{e0067}', 'hi'],
    ['variation selectors beyond the first', 'x\u{e0100}\ufe0f', 'x'],
  ])('T60 T62 drops %s', (_name, text, clean) => {
    expect(plainText(text)).toBe(clean);
  });

  test('keeps letters of every script, newlines and tabs', () => {
    expect(plainText('Grüße\n\tπ 漢字 🙂')).toBe('Grüße\n\tπ 漢字 🙂');
  });

  test('cuts by characters, never inside one', () => {
    expect(plainText('🙂🙂🙂', 2)).toBe('🙂…');
    expect(plainText('abc', 3)).toBe('abc');
    expect(plainText('x'.repeat(1_000_000), 5)).toBe('xxxx…');
  });

  test('a broken surrogate becomes a visible mark', () => {
    expect(plainText('a\ud800b')).toBe('a\ufffdb');
  });
});

describe('plainLine', () => {
  test('T62 one line stays one line', () => {
    expect(plainLine(' a\r\nb\u2028c\td ')).toBe('a b c d');
  });
});
