import { priceText } from './price-text.js';
import { fieldLines } from './schema-text.js';
import { shortHex, shortMethod } from './units.js';

const price = { method: 'm', kind: 'fixed' as const, unit: '', rate: '1200', per: '1', maxAmount: '1200' };

test('prices read as people say them', () => {
  expect(priceText(price)).toBe('1200 a call');
  expect(priceText({ ...price, kind: 'free' })).toBe('free');
  expect(priceText({ ...price, kind: 'metered', unit: 'token', rate: '2' })).toBe('2 per token, at most 1200');
  expect(priceText({ ...price, kind: 'metered', unit: 'character', rate: '2', per: '100' })).toBe(
    '2 per 100 characters, at most 1200',
  );
});

test('fields read with type and comment, messages inside indented, one that holds itself only once', () => {
  const schema = {
    type: 'object',
    properties: {
      image: { type: 'string', contentEncoding: 'base64', description: 'The encoded picture.\nPNG' },
      lines: { type: 'array', items: { $ref: '#/$defs/a.v1.Line' } },
      kind: { type: 'string', enum: ['A', 'B'] },
      score: { anyOf: [{ type: 'number' }] },
      tags: { type: 'object', additionalProperties: { type: 'string' } },
    },
    $defs: {
      'a.v1.Line': { type: 'object', properties: { text: { type: 'string' }, next: { $ref: '#/$defs/a.v1.Line' } } },
    },
  };
  expect(fieldLines(schema)).toEqual([
    'image: bytes — The encoded picture. PNG',
    'lines: list of Line',
    '  text: string',
    '  next: Line',
    'kind: A | B',
    'score: number',
    'tags: map of string',
  ]);
});

test('long names are shortened, short ones stay', () => {
  expect(shortHex(`0x1234${'0'.repeat(56)}cdef`)).toBe('0x1234…cdef');
  expect(shortHex('0x12')).toBe('0x12');
  expect(shortMethod('models.ocr.v1.OcrService/Recognize')).toBe('OcrService/Recognize');
});
