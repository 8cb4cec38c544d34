import { convexHull, type Point, smallestRect, type TurnedRect } from './geometry.js';

/** How much a pixel must look like text to belong to a line, and a line on average to count as one. */
const PIXEL_THRESHOLD = 0.3;
const LINE_THRESHOLD = 0.5;
/** The network marks the middle of lines only; the whole is wider on every side by this share of area / perimeter. */
const GROWTH = 2;
const MIN_SIDE = 3;
/** Noise can look like thousands of lines, each of which costs a run of the reader. */
export const MAX_LINES = 500;

/** Turns the detector's map of probabilities into rectangles around lines of text, the largest first. */
export function findLines(map: Float32Array, width: number, height: number): TurnedRect[] {
  const lines: TurnedRect[] = [];
  for (const { outline, score } of regions(map, width, height)) {
    if (score < LINE_THRESHOLD) continue;
    const rect = smallestRect(convexHull(outline));
    if (rect === undefined || Math.min(rect.width, rect.height) < MIN_SIDE) continue;
    const margin = (GROWTH * rect.width * rect.height) / (rect.width + rect.height);
    lines.push({ ...rect, width: rect.width + margin, height: rect.height + margin });
  }
  return lines.sort((a, b) => b.width * b.height - a.width * a.height).slice(0, MAX_LINES);
}

interface Region {
  /** Corners of the first and last pixel of each row. */
  readonly outline: Point[];
  /** Mean probability. */
  readonly score: number;
}

function* regions(map: Float32Array, width: number, height: number): Generator<Region> {
  const seen = new Uint8Array(map.length);
  const isNew = (at: number) => seen[at] === 0 && map[at]! > PIXEL_THRESHOLD;
  for (let start = 0; start < map.length; start++) {
    if (!isNew(start)) continue;
    seen[start] = 1;
    const stack = [start];
    const rows = new Map<number, { first: number; last: number }>();
    let sum = 0;
    let count = 0;
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      const y = Math.floor(at / width);
      const x = at - y * width;
      sum += map[at]!;
      count++;
      const row = rows.get(y);
      if (row === undefined) rows.set(y, { first: x, last: x });
      else if (x < row.first) row.first = x;
      else if (x > row.last) row.last = x;
      for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++)
        for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
          const next = ny * width + nx;
          if (!isNew(next)) continue;
          seen[next] = 1;
          stack.push(next);
        }
    }
    const outline = [...rows].flatMap(([y, { first, last }]) => [
      { x: first, y },
      { x: last + 1, y },
      { x: first, y: y + 1 },
      { x: last + 1, y: y + 1 },
    ]);
    yield { outline, score: sum / count };
  }
}
