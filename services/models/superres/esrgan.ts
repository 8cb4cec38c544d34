import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import type { Rgb } from '../shared/rgb.js';
import { loadLayers } from '../shared/tensors.js';
import { type Tile, tilesOf } from './tiles.js';

export const SCALE = 2;

let model: Promise<tf.LayersModel> | undefined;

async function load(): Promise<tf.LayersModel> {
  // The package exports its code alone: dist/cjs/models/esrgan-slim/src/cjs.js.
  const code = createRequire(import.meta.url).resolve('@upscalerjs/esrgan-slim');
  const folder = join(dirname(code), '../../../../..');
  const [json, weights] = await Promise.all([
    readFile(join(folder, 'models/x2/model.json'), 'utf8'),
    readFile(join(folder, 'models/x2/group1-shard1of1.bin')),
  ]);
  return loadLayers(JSON.parse(json), weights);
}

export async function loadEsrgan(): Promise<void> {
  model ??= load();
  await model;
}

/** Twice the width and height. Between tiles other calls of this thread get their turn. */
export async function upscale(picture: Rgb): Promise<Rgb> {
  model ??= load();
  const network = await model;
  const width = picture.width * SCALE;
  const enlarged: Rgb = {
    data: new Uint8Array(width * picture.height * SCALE * 3),
    width,
    height: picture.height * SCALE,
  };
  for (const tile of tilesOf(picture.width, picture.height)) {
    paste(await upscaleTile(network, picture, tile), tile, enlarged);
    await nextTurn();
  }
  return enlarged;
}

async function upscaleTile(network: tf.LayersModel, picture: Rgb, { around }: Tile): Promise<Float32Array> {
  const input = new Float32Array(around.width * around.height * 3);
  for (let y = 0; y < around.height; y++) {
    const from = ((around.top + y) * picture.width + around.left) * 3;
    input.set(picture.data.subarray(from, from + around.width * 3), y * around.width * 3);
  }
  const output = tf.tidy(() => network.predict(tf.tensor4d(input, [1, around.height, around.width, 3])) as tf.Tensor);
  const data = await output.data<'float32'>();
  output.dispose();
  return data;
}

function paste(pixels: Float32Array, { inner, around }: Tile, into: Rgb): void {
  const bytes = Uint8ClampedArray.from(pixels);
  const left = (inner.left - around.left) * SCALE;
  const top = (inner.top - around.top) * SCALE;
  const stride = around.width * SCALE;
  for (let y = 0; y < inner.height * SCALE; y++) {
    const from = ((top + y) * stride + left) * 3;
    const to = ((inner.top * SCALE + y) * into.width + inner.left * SCALE) * 3;
    into.data.set(bytes.subarray(from, from + inner.width * SCALE * 3), to);
  }
}
