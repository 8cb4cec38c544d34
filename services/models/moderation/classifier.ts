import { Injectable } from '@nestjs/common';
import { Gate } from '../shared/gate.js';
import { openImage } from '../shared/image.js';
import { Model } from '../shared/model.js';
import { tensorThread } from '../shared/tensor-thread.js';

/** Width and height that the network takes. */
const INPUT_SIDE = 224;
/** In the order of the network's outputs. */
const classNames = ['drawing', 'hentai', 'neutral', 'porn', 'sexy'] as const;
const unfit: readonly string[] = ['hentai', 'porn', 'sexy'];

export interface Judgement {
  readonly safe: boolean;
  /** Most likely first. */
  readonly classes: { readonly name: string; readonly probability: number }[];
}

/** Says how likely a picture is unfit for a general audience (NSFWJS). */
@Injectable()
export class Classifier extends Model {
  private readonly gate = new Gate({ running: 2, waiting: 32 });

  load(): Promise<void> {
    return tensorThread.call('loadMobileNet', undefined);
  }

  /** @throws WeftError BAD_IMAGE, IMAGE_TOO_LARGE, OVERLOADED */
  async classify(image: Uint8Array, isGone?: () => boolean): Promise<Judgement> {
    const picture = await openImage(image);
    return this.gate.run(async () => {
      const input = await picture.decode({ width: INPUT_SIDE, height: INPUT_SIDE });
      const probabilities = await tensorThread.call('classify', input);
      const classes = classNames.map((name, i) => ({ name, probability: probabilities[i] ?? 0 }));
      const risk = classes.filter(({ name }) => unfit.includes(name)).reduce((sum, each) => sum + each.probability, 0);
      return { safe: risk < 0.5, classes: classes.sort((a, b) => b.probability - a.probability) };
    }, isGone);
  }
}
