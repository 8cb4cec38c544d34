import { type TurnedRect, turn } from './geometry.js';

export interface Placed {
  readonly rect: TurnedRect;
}

/** Puts pieces of text into rows, top to bottom, each from left to right, on a page that may lie a little askew. */
export function inRows<T extends Placed>(pieces: readonly T[]): T[][] {
  const angle = median(pieces.map(({ rect }) => rect.angle));
  const placed = pieces.map((piece) => ({ piece, at: turn(piece.rect.centre, -angle), height: piece.rect.height }));
  placed.sort((a, b) => a.at.y - b.at.y);
  const rows: (typeof placed)[] = [];
  for (const each of placed) {
    const row = rows.at(-1);
    const first = row?.[0];
    if (first !== undefined && Math.abs(first.at.y - each.at.y) < Math.min(first.height, each.height) / 2)
      row?.push(each);
    else rows.push([each]);
  }
  return rows.map((row) => row.sort((a, b) => a.at.x - b.at.x).map(({ piece }) => piece));
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}
