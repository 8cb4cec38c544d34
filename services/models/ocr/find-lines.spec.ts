import { describe, expect, it } from '@jest/globals';
import { findLines, MAX_LINES } from './find-lines.js';

function mapWith(width: number, height: number, marks: { x: number; y: number; w: number; h: number; p?: number }[]) {
  const map = new Float32Array(width * height);
  for (const { x, y, w, h, p = 0.9 } of marks)
    for (let row = y; row < y + h; row++) map.fill(p, row * width + x, row * width + x + w);
  return map;
}

describe('findLines', () => {
  it('finds each region, larger than it is marked', () => {
    const map = mapWith(200, 100, [
      { x: 20, y: 10, w: 100, h: 10 },
      { x: 30, y: 60, w: 50, h: 8 },
    ]);
    const [first, second, ...none] = findLines(map, 200, 100);
    expect(none).toEqual([]);
    expect(first?.centre).toEqual({ x: 70, y: 15 });
    expect(first?.height).toBeCloseTo(10 + (2 * 100 * 10) / 110, 6);
    expect(first?.width).toBeCloseTo(100 + (2 * 100 * 10) / 110, 6);
    expect(second?.centre).toEqual({ x: 55, y: 64 });
  });

  it('follows a line that runs askew', () => {
    const marks = Array.from({ length: 100 }, (_, i) => ({ x: 10 + i, y: 10 + Math.round(i / 10), w: 1, h: 8 }));
    const [line] = findLines(mapWith(200, 60, marks), 200, 60);
    expect(line?.angle).toBeCloseTo(0.1, 1);
  });

  it('passes over specks and what hardly looks like text', () => {
    const map = mapWith(100, 100, [
      { x: 10, y: 10, w: 2, h: 2 },
      { x: 10, y: 40, w: 60, h: 10, p: 0.4 },
    ]);
    expect(findLines(map, 100, 100)).toEqual([]);
    expect(findLines(new Float32Array(64), 8, 8)).toEqual([]);
  });

  it('stops at as many lines as may be read', () => {
    const marks = Array.from({ length: 900 }, (_, i) => ({ x: (i % 30) * 10, y: Math.floor(i / 30) * 10, w: 6, h: 6 }));
    expect(findLines(mapWith(300, 300, marks), 300, 300)).toHaveLength(MAX_LINES);
  });
});
