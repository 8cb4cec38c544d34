import sharp, { type Sharp } from 'sharp';
import { WeftError } from '#core/errors.js';
import { Gate } from './gate.js';
import { MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS } from './limits.js';
import type { Rgb } from './rgb.js';

sharp.cache(false);
sharp.concurrency(1);

const MAX_DECODE_SECONDS = 20;

/** Some pictures must be held in memory whole while they are decoded, up to 8 bytes a pixel. */
const decoding = new Gate({ running: 2, waiting: 256 });

/** A picture that may be decoded. */
export interface OpenImage {
  /** As a viewer shows it: turned as its EXIF says. */
  readonly width: number;
  readonly height: number;
  /** Decodes, `fit` into the given size (distorting it if need be); transparent pixels come out white. */
  decode(fit?: { readonly width: number; readonly height: number }): Promise<Rgb>;
}

/**
 * Checks bytes, format and pixels of a picture without decoding any pixel: a header that promises too many is refused.
 * @throws WeftError BAD_IMAGE or IMAGE_TOO_LARGE
 */
export async function openImage(bytes: Uint8Array, maxPixels = MAX_IMAGE_PIXELS): Promise<OpenImage> {
  if (bytes.length === 0) throw badImage('is empty');
  if (bytes.length > MAX_IMAGE_BYTES) throw tooLarge('bytes', bytes.length, MAX_IMAGE_BYTES);
  // libvips would go on to guess among formats that nobody asked for, some of them documents or programs.
  if (!isKnownFormat(bytes)) throw badImage('is neither PNG, JPEG, WebP nor TIFF');
  const header = await read(sharp(bytes, { limitInputPixels: false, failOn: 'error' }), (picture) =>
    picture.metadata(),
  );
  const pixels = header.width * header.height;
  if (pixels > maxPixels) throw tooLarge('pixels', pixels, maxPixels);
  const { width, height } = header.autoOrient;
  return {
    width,
    height,
    decode: (fit = { width, height }) =>
      decoding.run(async () => {
        const picture = sharp(bytes, { limitInputPixels: maxPixels, failOn: 'error' })
          .timeout({ seconds: MAX_DECODE_SECONDS })
          .autoOrient()
          .resize(fit.width, fit.height, { fit: 'fill' })
          .flatten({ background: '#ffffff' })
          .toColourspace('srgb')
          .raw({ depth: 'uchar' });
        const { data, info } = await read(picture, () => picture.toBuffer({ resolveWithObject: true }));
        if (info.channels !== 3) throw badImage(`has ${info.channels} colour channels`);
        return { data, width: info.width, height: info.height };
      }),
  };
}

/** Encodes as PNG. */
export const toPng = ({ data, width, height }: Rgb): Promise<Buffer> =>
  sharp(data, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 6 })
    .toBuffer();

/** Changes the size of a decoded picture. */
export async function resizeRgb(picture: Rgb, width: number, height: number): Promise<Rgb> {
  if (width === picture.width && height === picture.height) return picture;
  const data = await sharp(picture.data, { raw: { width: picture.width, height: picture.height, channels: 3 } })
    .resize(width, height, { fit: 'fill' })
    .raw()
    .toBuffer();
  return { data, width, height };
}

const signatures = [
  [0x89, 0x50, 0x4e, 0x47],
  [0xff, 0xd8, 0xff],
  [0x49, 0x49, 0x2a, 0x00],
  [0x4d, 0x4d, 0x00, 0x2a],
];
const startsWith = (bytes: Uint8Array, wanted: readonly number[], at = 0) =>
  wanted.every((byte, i) => bytes[at + i] === byte);
const isWebp = (bytes: Uint8Array) =>
  startsWith(bytes, [0x52, 0x49, 0x46, 0x46]) && startsWith(bytes, [0x57, 0x45, 0x42, 0x50], 8);
const isKnownFormat = (bytes: Uint8Array) =>
  signatures.some((signature) => startsWith(bytes, signature)) || isWebp(bytes);

async function read<T>(picture: Sharp, work: (picture: Sharp) => Promise<T>): Promise<T> {
  try {
    return await work(picture);
  } catch (error) {
    throw badImage(`cannot be decoded: ${(error as Error).message.split('\n')[0]}`);
  }
}

const badImage = (what: string) => new WeftError('BAD_IMAGE', `image ${what}`, { field: 'image' });

const tooLarge = (unit: string, found: number, limit: number) =>
  new WeftError('IMAGE_TOO_LARGE', `image has ${found} ${unit}; at most ${limit} are taken`, {
    field: 'image',
    [unit]: String(found),
    limit: String(limit),
  });
