import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { pictureSize } from './picture-size.js';

const blank = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: 'white' } }).withExif({
    IFD0: { Copyright: 'x'.repeat(500) },
  });

describe('picture size', () => {
  it.each([
    [1, 1],
    [640, 480],
    [3, 2000],
  ])('reads %i x %i from PNG, JPEG and progressive JPEG', async (width, height) => {
    const picture = blank(width, height);
    for (const encoded of [picture.png(), picture.jpeg(), picture.jpeg({ progressive: true })])
      expect(pictureSize(await encoded.toBuffer())).toEqual({ width, height });
  });

  it('knows nothing of other formats, nothing, and files that are cut short', async () => {
    const jpeg = await blank(20, 20).jpeg().toBuffer();
    expect(pictureSize(await blank(20, 20).webp().toBuffer())).toBeUndefined();
    expect(pictureSize(new Uint8Array())).toBeUndefined();
    for (let length = 0; length < jpeg.length; length++) {
      const size = pictureSize(jpeg.subarray(0, length));
      expect([undefined, 20]).toContain(size?.width);
    }
  });

  it('ends on a JPEG whose segment has no length', () => {
    expect(pictureSize(Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 0, 0xff, 0xe0, 0, 0, 0, 0, 0))).toBeUndefined();
  });
});
