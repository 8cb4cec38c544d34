import { parseAsset, parseDuration, parsePercent, parsePositive } from './values.js';

test.each([
  ['asset', parseAsset, '12', 12n],
  ['amount', parsePositive, '1', 1n],
  ['share', parsePercent, '2.5%', 250],
  ['share', parsePercent, '0.01 %', 1],
  ['share', parsePercent, '100%', 10_000],
  ['time', parseDuration, '90s', 90],
  ['time', parseDuration, '30m', 1_800],
  ['time', parseDuration, '12 h', 43_200],
  ['time', parseDuration, '7d', 604_800],
] as const)('reads the %s %s', (_name, read, text, value) => {
  expect((read as (text: string, field: string) => unknown)(text, 'f')).toBe(value);
});

const refused: [(text: string, field: string) => unknown, string[]][] = [
  [parseAsset, ['', '0', '-1', '01', '1.5', '0x1', '1e3', '9'.repeat(20)]],
  [parsePositive, ['', '0', '-1', '1.5', '9'.repeat(40)]],
  [parsePercent, ['', '5', '100.01%', '-1%', '1.234%', '%', '1,5%']],
  [parseDuration, ['', '7', '0d', '7w', '-1d', '1.5h', '9999999s']],
];

test.each(refused)('%p refuses what is none and names the field', (read, texts) => {
  for (const text of texts)
    expect(() => read(text, 'the-field')).toThrow(
      expect.objectContaining({ reason: 'INVALID_INPUT', details: { field: 'the-field' } }),
    );
});
