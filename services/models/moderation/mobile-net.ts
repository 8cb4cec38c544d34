import * as tf from '@tensorflow/tfjs';
import { MobileNetV2Model } from 'nsfwjs/models/mobilenet_v2';
import type { Rgb } from '../shared/rgb.js';
import { type LayersJson, loadLayers } from '../shared/tensors.js';

/** The types that nsfwjs declares for it lead nowhere. */
const bundled: {
  modelJson(): Promise<{ default: LayersJson }>;
  weightBundles: (() => Promise<{ default: string }>)[];
} = MobileNetV2Model;

let model: Promise<tf.LayersModel> | undefined;

async function load(): Promise<tf.LayersModel> {
  const [{ default: json }, ...shards] = await Promise.all([
    bundled.modelJson(),
    ...bundled.weightBundles.map((bundle) => bundle()),
  ]);
  const weights = Buffer.concat(shards.map((shard) => Buffer.from(shard.default, 'base64')));
  return loadLayers(json, weights);
}

export async function loadMobileNet(): Promise<void> {
  model ??= load();
  await model;
}

/** Probabilities of drawing, hentai, neutral, porn and sexy, for a picture of the network's input size. */
export async function classify({ data, width, height }: Rgb): Promise<number[]> {
  model ??= load();
  const network = await model;
  const output = tf.tidy(
    () => network.predict(tf.tensor4d(data, [1, height, width, 3], 'float32').div(255)) as tf.Tensor,
  );
  const probabilities = await output.data();
  output.dispose();
  return Array.from(probabilities);
}
