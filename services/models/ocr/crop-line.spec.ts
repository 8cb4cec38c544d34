import { describe, expect, it } from '@jest/globals';
import { cropLine, LINE_HEIGHT } from './crop-line.js';

/** Red left half, blue right half. */
function twoColours(width: number, height: number) {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) data[3 * i + (i % width < width / 2 ? 0 : 2)] = 255;
  return { data, width, height };
}

describe('cropLine', () => {
  it('cuts out planes of blue, green and red from -1 to 1', () => {
    const rect = { centre: { x: 200, y: 24 }, width: 400, height: 48, angle: 0 };
    const { planes, width } = cropLine(twoColours(400, 48), rect);
    expect(width).toBe(400);
    const size = width * LINE_HEIGHT;
    expect([planes[10], planes[size + 10], planes[2 * size + 10]]).toEqual([-1, -1, 1]);
    expect([planes[390], planes[size + 390], planes[2 * size + 390]]).toEqual([1, -1, -1]);
  });

  it('takes the mean where the page is larger', () => {
    const stripes = twoColours(2, 480);
    const wide = {
      ...stripes,
      width: 960,
      data: Uint8Array.from({ length: 960 * 480 * 3 }, (_, i) => stripes.data[i % 6]!),
    };
    const { planes } = cropLine(wide, { centre: { x: 480, y: 240 }, width: 960, height: 480, angle: 0 });
    expect(planes[20 * 160 + 40]).toBeCloseTo(0, 1);
  });

  it('lays down a line that runs upwards', () => {
    const page = { data: new Uint8Array(48 * 400 * 3), width: 48, height: 400 };
    page.data.fill(255, 0, 48 * 100 * 3);
    const { planes, width } = cropLine(page, { centre: { x: 24, y: 200 }, width: 48, height: 400, angle: 0 });
    expect(width).toBe(400);
    expect([planes[10], planes[390]]).toEqual([-1, 1]);
  });

  it('reaches over the border of the page, and fills a short line up with grey', () => {
    const page = { data: new Uint8Array(30).fill(255), width: 5, height: 2 };
    const { planes, width } = cropLine(page, { centre: { x: 2, y: 1 }, width: 20, height: 20, angle: 0.3 });
    expect(width).toBe(160);
    expect([planes[0], planes[47], planes[48], planes[159]]).toEqual([1, 1, 0, 0]);
  });
});
