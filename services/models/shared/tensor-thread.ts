import { ModelThread } from './model-thread.js';
import type { TensorHandlers } from './tensor.worker.js';

/** One WebAssembly backend for all models that TensorFlow.js runs. */
export const tensorThread = new ModelThread<TensorHandlers>(new URL('./tensor.worker.js', import.meta.url));
