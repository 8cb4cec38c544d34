import { Injectable } from '@nestjs/common';
import { reportUnits } from '#paywall/units.js';
import { Gate } from '../shared/gate.js';
import { openImage, toPng } from '../shared/image.js';
import { MAX_UPSCALE_PIXELS } from '../shared/limits.js';
import { Model } from '../shared/model.js';
import { tensorThread } from '../shared/tensor-thread.js';

export interface Enlarged {
  /** PNG. */
  readonly image: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Units of "kilopixel": 1,000 pixels of the given picture, the last one begun counts. */
export const kilopixels = (width: number, height: number): number => Math.ceil((width * height) / 1_000);

/** Doubles the size of a picture (ESRGAN-slim). */
@Injectable()
export class Upscaler extends Model {
  private readonly gate = new Gate({ running: 1, waiting: 16 });

  load(): Promise<void> {
    return tensorThread.call('loadEsrgan', undefined);
  }

  /** @throws WeftError BAD_IMAGE, IMAGE_TOO_LARGE, OVERLOADED */
  async upscale(image: Uint8Array, isGone?: () => boolean): Promise<Enlarged> {
    const picture = await openImage(image, MAX_UPSCALE_PIXELS);
    return this.gate.run(async () => {
      const { width, height, data } = await tensorThread.call('upscale', await picture.decode());
      reportUnits(kilopixels(picture.width, picture.height));
      return { image: await toPng({ data, width, height }), width, height };
    }, isGone);
  }
}
