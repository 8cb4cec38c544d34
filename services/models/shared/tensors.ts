import * as tf from '@tensorflow/tfjs';
import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm';

export interface LayersJson {
  readonly modelTopology: object;
  readonly weightsManifest: readonly { readonly weights: tf.io.WeightsManifestEntry[] }[];
}

let ready: Promise<void> | undefined;

async function start(): Promise<void> {
  setThreadsCount(1);
  await tf.setBackend('wasm');
  await tf.ready();
}

/** Builds a Keras model from its JSON and its weights, on the one WebAssembly backend of this thread. */
export async function loadLayers(json: LayersJson, weights: Buffer): Promise<tf.LayersModel> {
  ready ??= start();
  await ready;
  return tf.loadLayersModel(
    tf.io.fromMemory({
      modelTopology: json.modelTopology,
      weightSpecs: json.weightsManifest.flatMap((group) => group.weights),
      weightData: Uint8Array.from(weights).buffer,
    }),
  );
}
