import { Injectable } from '@nestjs/common';
import { Gate } from '../shared/gate.js';
import { openImage, resizeRgb } from '../shared/image.js';
import { Model } from '../shared/model.js';
import { ModelThread } from '../shared/model-thread.js';
import type { OcrHandlers } from './ocr.worker.js';
import type { ReadLine } from './reader.js';

/** A4 at 200 dpi has 3.9 million: print of common size stays well legible. */
const MAX_PAGE_PIXELS = 4_000_000;
/** The detector looks at a smaller copy; its time grows with the pixels. */
const MAX_DETECTOR_SIDE = 1_120;
const DETECTOR_STEP = 32;

export interface Recognized {
  /** All lines joined with newlines. */
  readonly text: string;
  /** Boxes in pixels of the given picture. */
  readonly lines: ReadLine[];
}

/** Reads printed text from a picture. */
@Injectable()
export class Recognizer extends Model {
  private readonly gate = new Gate({ running: 2, waiting: 32 });
  private readonly thread = new ModelThread<OcrHandlers>(new URL('./ocr.worker.js', import.meta.url));

  load(): Promise<void> {
    return this.thread.call('loadReader', undefined);
  }

  /** @throws WeftError BAD_IMAGE, IMAGE_TOO_LARGE, OVERLOADED */
  async recognize(image: Uint8Array, isGone?: () => boolean): Promise<Recognized> {
    const picture = await openImage(image);
    return this.gate.run(async () => {
      const page = await picture.decode(pageSize(picture));
      const small = await resizeRgb(page, ...detectorSize(page));
      const lines = await this.thread.call('readPage', { page, small });
      return {
        text: lines.map(({ text }) => text).join('\n'),
        lines: lines.map((line) => ({ ...line, box: inside(line.box, picture, picture.width / page.width) })),
      };
    }, isGone);
  }
}

interface Size {
  readonly width: number;
  readonly height: number;
}

function pageSize({ width, height }: Size): Size {
  const scale = Math.min(1, Math.sqrt(MAX_PAGE_PIXELS / (width * height)));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

function detectorSize({ width, height }: Size): [width: number, height: number] {
  const scale = Math.min(1, MAX_DETECTOR_SIDE / Math.max(width, height));
  const side = (length: number) => Math.max(1, Math.round((length * scale) / DETECTOR_STEP)) * DETECTOR_STEP;
  return [side(width), side(height)];
}

/** Scales a box to the given picture and cuts off what sticks out of it. */
function inside(box: ReadLine['box'], { width, height }: Size, scale: number): ReadLine['box'] {
  const clamp = (value: number, max: number) => Math.min(max, Math.max(0, value * scale));
  const left = clamp(box.left, width);
  const top = clamp(box.top, height);
  return {
    left,
    top,
    width: clamp(box.left + box.width, width) - left,
    height: clamp(box.top + box.height, height) - top,
  };
}
