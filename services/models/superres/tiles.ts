/** In pixels. */
export interface Area {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** One piece of a picture, and the surroundings that decide its pixels. */
export interface Tile {
  readonly inner: Area;
  readonly around: Area;
}

const TILE_SIDE = 128;
/** How far in the input a pixel of the output looks: the kernels of the network, added up along its longest path. */
const REACH = 10;

/** Covers a picture with tiles that enlarge to exactly what the whole would: memory and time at a stretch stay small. */
export function* tilesOf(width: number, height: number): Generator<Tile> {
  for (let top = 0; top < height; top += TILE_SIDE)
    for (let left = 0; left < width; left += TILE_SIDE) {
      const inner = {
        left,
        top,
        width: Math.min(TILE_SIDE, width - left),
        height: Math.min(TILE_SIDE, height - top),
      };
      const around = grow(inner, width, height);
      yield { inner, around };
    }
}

function grow(area: Area, width: number, height: number): Area {
  const left = Math.max(0, area.left - REACH);
  const top = Math.max(0, area.top - REACH);
  const right = Math.min(width, area.left + area.width + REACH);
  const bottom = Math.min(height, area.top + area.height + REACH);
  return { left, top, width: right - left, height: bottom - top };
}
