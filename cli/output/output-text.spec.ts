import { outputText } from './output-text.js';

test('texts stand as they are, small things on one line', () => {
  const output = {
    text: 'Invoice\nThank you',
    language: { language: 'en', probability: 0.99988174, reliable: true },
    moderation: { safe: true, classes: [{ name: 'neutral', probability: 0.5 }] },
    entities: [{ type: 'DATE', text: 'March 14' }],
    sentiment: null,
    places: [],
  };
  expect(outputText(output).split('\n')).toEqual([
    'text',
    '  Invoice',
    '  Thank you',
    'language: language en, probability 0.9999, reliable true',
    'moderation',
    '  safe: true',
    '  classes',
    '    name neutral, probability 0.5',
    'entities',
    '  type DATE, text March 14',
    'sentiment: none',
    'places: none',
  ]);
});

test('the fields of the answer have a line each, however small it is', () => {
  expect(outputText({ words: 5, bytes: 'AQID' })).toBe('words: 5\nbytes: AQID');
});

test('a long list is cut, and says so', () => {
  const lines = outputText({ words: Array.from({ length: 23 }, (_, i) => `w${i}`) }).split('\n');
  expect(lines).toHaveLength(22);
  expect(lines.at(-1)).toBe('  … and 3 more, all with --json');
});

test('T62 what a service answers cannot drive the terminal', () => {
  const text = outputText({ text: 'a\u001b[2J\n\u202eb' });
  for (const hidden of ['\u001b', '\u202e']) expect(text).not.toContain(hidden);
});
