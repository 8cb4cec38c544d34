import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { blankPng } from '../testing/blank-png.js';
import { openImage, resizeRgb, toPng } from './image.js';
import { MAX_IMAGE_BYTES } from './limits.js';

const red = (width: number, height: number) => sharp({ create: { width, height, channels: 3, background: '#f00' } });
const noise = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, noise: { type: 'gaussian', mean: 128, sigma: 60 } } } as never);

describe('openImage', () => {
  it.each(['png', 'jpeg', 'webp', 'tiff'] as const)('decodes %s', async (format) => {
    const picture = await openImage(await red(20, 10).toFormat(format).toBuffer());
    expect(picture).toMatchObject({ width: 20, height: 10 });
    const { data, width, height } = await picture.decode();
    expect([width, height, data.length]).toEqual([20, 10, 600]);
    expect(data[0]).toBeGreaterThan(250);
    expect(data[1]).toBeLessThan(5);
  });

  it.each([
    ['grey', () => red(4, 4).greyscale().png()],
    ['grey with alpha', () => red(4, 4).greyscale().ensureAlpha(0.5).png()],
    ['16 bits a channel', () => red(4, 4).toColourspace('rgb16').png()],
    ['a palette', () => red(4, 4).png({ palette: true })],
    ['CMYK', () => red(4, 4).toColourspace('cmyk').jpeg()],
  ])('decodes %s to three bytes a pixel', async (_, make) => {
    const { data } = await (await openImage(await make().toBuffer())).decode();
    expect(data).toHaveLength(48);
  });

  it('shows transparent pixels as white', async () => {
    const clear = sharp({ create: { width: 2, height: 2, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } });
    const { data } = await (await openImage(await clear.png().toBuffer())).decode();
    expect([...data]).toEqual(Array(12).fill(255));
  });

  it('turns a picture as its EXIF says', async () => {
    const bytes = await red(20, 10).jpeg().withMetadata({ orientation: 6 }).toBuffer();
    const picture = await openImage(bytes);
    expect(picture).toMatchObject({ width: 10, height: 20 });
    expect(await picture.decode()).toMatchObject({ width: 10, height: 20 });
    expect(await picture.decode({ width: 5, height: 7 })).toMatchObject({ width: 5, height: 7 });
  });

  describe('refuses', () => {
    const png = () => red(20, 10).png().toBuffer();
    const cases: [string, () => Promise<Uint8Array> | Uint8Array, object][] = [
      ['an empty file', () => new Uint8Array(), { message: 'image is empty' }],
      ['text', () => Buffer.from('not a picture at all'), {}],
      ['one byte', () => Buffer.from([0x89]), {}],
      [
        'SVG, which is a program',
        () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
        {},
      ],
      ['GIF', () => red(4, 4).gif().toBuffer(), {}],
      [
        'a signature with rubbish behind it',
        async () => Buffer.concat([(await png()).subarray(0, 8), Buffer.alloc(99)]),
        {},
      ],
    ];
    it.each(cases)('%s', async (_, make, more) => {
      await expect(openImage(await make())).rejects.toMatchObject({
        reason: 'BAD_IMAGE',
        code: 'INVALID_ARGUMENT',
        details: { field: 'image' },
        ...more,
      });
    });

    it.each([
      ['PNG', async () => (await noise(200, 200).png().toBuffer()).subarray(0, 50_000)],
      ['JPEG', async () => (await noise(200, 200).jpeg().toBuffer()).subarray(0, 5_000)],
      ['WebP', async () => (await noise(200, 200).webp().toBuffer()).subarray(0, 5_000)],
    ])('a %s that breaks off', async (_, make) => {
      const decoded = (async () => (await openImage(await make())).decode())();
      await expect(decoded).rejects.toMatchObject({ reason: 'BAD_IMAGE' });
    });

    it('too many bytes before it looks at them', async () => {
      await expect(openImage(new Uint8Array(MAX_IMAGE_BYTES + 1))).rejects.toMatchObject({
        reason: 'IMAGE_TOO_LARGE',
        details: { field: 'image', bytes: '10485761', limit: '10485760' },
      });
    });

    it('T64 a picture of 100 megapixels by its header alone', async () => {
      const bytes = blankPng(10_000, 10_000);
      await expect(openImage(blankPng(100, 80))).resolves.toMatchObject({ width: 100, height: 80 });
      const before = process.memoryUsage().rss;
      await expect(openImage(bytes)).rejects.toMatchObject({
        reason: 'IMAGE_TOO_LARGE',
        code: 'INVALID_ARGUMENT',
        details: { field: 'image', pixels: '100000000', limit: '40000000' },
      });
      expect(process.memoryUsage().rss - before).toBeLessThan(20_000_000);
    });

    it('a header that promises more than there is', async () => {
      const bytes = Buffer.from(await png());
      bytes.writeUInt32BE(100_000, 16);
      bytes.writeUInt32BE(100_000, 20);
      await expect(openImage(bytes)).rejects.toMatchObject({
        reason: expect.stringMatching(/BAD_IMAGE|IMAGE_TOO_LARGE/),
      });
    });
  });
});

describe('toPng and resizeRgb', () => {
  it('keep pixels', async () => {
    const picture = { data: Uint8Array.from([1, 2, 3, 4, 5, 6]), width: 2, height: 1 };
    const again = await (await openImage(await toPng(picture))).decode();
    expect({ ...again, data: [...again.data] }).toEqual({ ...picture, data: [...picture.data] });
    expect(await resizeRgb(picture, 2, 1)).toBe(picture);
    expect((await resizeRgb(picture, 4, 2)).data).toHaveLength(24);
  });
});
