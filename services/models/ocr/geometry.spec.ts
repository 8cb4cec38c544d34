import { describe, expect, it } from '@jest/globals';
import { boundsOf, convexHull, smallestRect, turn } from './geometry.js';

const corners = (width: number, height: number, angle: number, centre = { x: 50, y: 40 }) =>
  [
    [-1, -1],
    [1, -1],
    [1, 1],
    [-1, 1],
  ].map(([x, y]) => {
    const at = turn({ x: (x! * width) / 2, y: (y! * height) / 2 }, angle);
    return { x: centre.x + at.x, y: centre.y + at.y };
  });

describe('geometry', () => {
  it('keeps only the corners of a hull', () => {
    const square = corners(10, 10, 0);
    const inside = [
      { x: 50, y: 40 },
      { x: 47, y: 43 },
      { x: 50, y: 35 },
    ];
    expect(new Set(convexHull([...inside, ...square]).map(({ x, y }) => `${x},${y}`))).toEqual(
      new Set(square.map(({ x, y }) => `${x},${y}`)),
    );
  });

  it.each([0, 0.1, -0.3, 0.7, -0.78])('finds a rectangle turned by %d', (angle) => {
    const rect = smallestRect(convexHull(corners(60, 8, angle)));
    expect(rect?.angle).toBeCloseTo(angle, 6);
    expect(rect?.width).toBeCloseTo(60, 6);
    expect(rect?.height).toBeCloseTo(8, 6);
    expect(rect?.centre.x).toBeCloseTo(50, 6);
    expect(rect?.centre.y).toBeCloseTo(40, 6);
  });

  it('describes a rectangle that is turned further as one that stands', () => {
    const rect = smallestRect(convexHull(corners(60, 8, 1.4)));
    expect(rect?.angle).toBeCloseTo(1.4 - Math.PI / 2, 6);
    expect(rect?.width).toBeCloseTo(8, 6);
    expect(rect?.height).toBeCloseTo(60, 6);
  });

  it('puts an upright rectangle around a turned one', () => {
    const bounds = boundsOf({ centre: { x: 50, y: 40 }, width: 20, height: 10, angle: Math.PI / 2 });
    expect(bounds.left).toBeCloseTo(45, 6);
    expect(bounds.top).toBeCloseTo(30, 6);
    expect(bounds.width).toBeCloseTo(10, 6);
    expect(bounds.height).toBeCloseTo(20, 6);
  });
});
