import { describe, expect, it } from '@jest/globals';
import { tilesOf } from './tiles.js';

describe('tilesOf', () => {
  it('takes a small picture whole', () => {
    const whole = { left: 0, top: 0, width: 100, height: 60 };
    expect([...tilesOf(100, 60)]).toEqual([{ inner: whole, around: whole }]);
  });

  it.each([
    [128, 128],
    [129, 1],
    [300, 260],
  ])('covers each pixel of %d x %d once, with its surroundings', (width, height) => {
    const covered = new Uint8Array(width * height);
    for (const { inner, around } of tilesOf(width, height)) {
      for (let y = inner.top; y < inner.top + inner.height; y++)
        for (let x = inner.left; x < inner.left + inner.width; x++) covered[y * width + x]!++;
      expect(around.left).toBe(Math.max(0, inner.left - 10));
      expect(around.top + around.height).toBe(Math.min(height, inner.top + inner.height + 10));
    }
    expect(covered.every((count) => count === 1)).toBe(true);
  });
});
