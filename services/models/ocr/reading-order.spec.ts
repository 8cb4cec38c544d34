import { describe, expect, it } from '@jest/globals';
import { turn } from './geometry.js';
import { inRows } from './reading-order.js';

const piece = (name: string, x: number, y: number, angle = 0) => ({
  name,
  rect: { centre: turn({ x, y }, angle), width: 80, height: 20, angle },
});
const names = (rows: { name: string }[][]) => rows.map((row) => row.map(({ name }) => name).join(' '));

describe('inRows', () => {
  it('reads from top to bottom and from left to right', () => {
    const pieces = [piece('total', 10, 100), piece('right', 300, 12), piece('$5', 300, 97), piece('left', 10, 10)];
    expect(names(inRows(pieces))).toEqual(['left right', 'total $5']);
  });

  it.each([-0.06, 0.06])('reads a page turned by %d in the same order', (angle) => {
    const pieces = [
      piece('d', 900, 40, angle),
      piece('b', 900, 10, angle),
      piece('c', 10, 40, angle),
      piece('a', 10, 10, angle),
    ];
    expect(names(inRows(pieces))).toEqual(['a b', 'c d']);
  });

  it('makes no rows of nothing', () => {
    expect(inRows([])).toEqual([]);
  });
});
