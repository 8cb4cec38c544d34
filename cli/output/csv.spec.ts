import { csv } from './csv.js';

test('has a line for each row, quoted where it must be', () => {
  expect(
    csv([
      ['day', 'what'],
      ['2026-11-28', 'one, "two"\nthree'],
    ]),
  ).toBe('day,what\r\n2026-11-28,"one, ""two""\nthree"');
});

test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '=cmd|"/c calc"!A1'])(
  'T62 a cell like %j is no formula to a spreadsheet',
  (text) => expect(csv([[text]]).replace(/^"/, '')).toMatch(/^'/),
);
