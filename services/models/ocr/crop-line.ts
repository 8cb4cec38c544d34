import type { Rgb } from '../shared/rgb.js';
import { type TurnedRect, turn } from './geometry.js';

/** The height that the reader was trained on. */
export const LINE_HEIGHT = 48;
/** A single digit is read as something else when it stands alone; what is missing is filled with grey. */
const MIN_WIDTH = 160;
const MAX_WIDTH = 3_200;

/**
 * Cuts a line out of the page, upright and LINE_HEIGHT high, as the reader takes it: planes of blue, green and red
 * with values from -1 to 1. Each pixel is the mean of as many samples as it covers pixels of the page.
 */
export function cropLine(page: Rgb, rect: TurnedRect): { readonly planes: Float32Array; readonly width: number } {
  const line = lyingDown(rect);
  const width = Math.min(MAX_WIDTH, Math.max(8, Math.round((LINE_HEIGHT * line.width) / line.height)));
  const padded = Math.max(MIN_WIDTH, width);
  const size = padded * LINE_HEIGHT;
  const planes = new Float32Array(3 * size);
  const samples = Math.max(1, Math.ceil(line.height / LINE_HEIGHT));
  // Steps of one sample along and across the line, in pixels of the page.
  const along = turn({ x: line.width / (width * samples), y: 0 }, line.angle);
  const across = turn({ x: 0, y: line.height / (LINE_HEIGHT * samples) }, line.angle);
  const corner = turn({ x: -line.width / 2, y: -line.height / 2 }, line.angle);
  const origin = {
    x: line.centre.x + corner.x + (along.x + across.x) / 2 - 0.5,
    y: line.centre.y + corner.y + (along.y + across.y) / 2 - 0.5,
  };
  const scale = 1 / (127.5 * samples * samples);
  const sum = [0, 0, 0] as [number, number, number];
  for (let y = 0; y < LINE_HEIGHT; y++)
    for (let x = 0; x < width; x++) {
      sum.fill(0);
      for (let j = y * samples; j < (y + 1) * samples; j++)
        for (let i = x * samples; i < (x + 1) * samples; i++)
          addSample(page, origin.x + i * along.x + j * across.x, origin.y + i * along.y + j * across.y, sum);
      const at = y * padded + x;
      planes[at] = sum[2] * scale - 1;
      planes[size + at] = sum[1] * scale - 1;
      planes[2 * size + at] = sum[0] * scale - 1;
    }
  return { planes, width: padded };
}

/** Lines that are clearly higher than wide run from bottom to top. */
function lyingDown(rect: TurnedRect): TurnedRect {
  if (rect.height < rect.width * 1.5) return rect;
  return { ...rect, width: rect.height, height: rect.width, angle: rect.angle - Math.PI / 2 };
}

/** Adds the colour at a point between pixels (bilinear); outside the page its border goes on. */
function addSample({ data, width, height }: Rgb, x: number, y: number, sum: [number, number, number]): void {
  const cx = Math.min(width - 1, Math.max(0, x));
  const cy = Math.min(height - 1, Math.max(0, y));
  const x0 = Math.floor(cx);
  const y0 = Math.floor(cy);
  const fx = cx - x0;
  const fy = cy - y0;
  const right = x0 + 1 < width ? 3 : 0;
  const down = y0 + 1 < height ? width * 3 : 0;
  const at = (y0 * width + x0) * 3;
  for (let c = 0; c < 3; c++) {
    const a = at + c;
    const top = data[a]! * (1 - fx) + data[a + right]! * fx;
    const bottom = data[a + down]! * (1 - fx) + data[a + down + right]! * fx;
    sum[c]! += top * (1 - fy) + bottom * fy;
  }
}
