import { classify, loadMobileNet } from '../moderation/mobile-net.js';
import { loadEsrgan, upscale } from '../superres/esrgan.js';
import { hostThread } from './thread-host.js';

const handlers = { loadMobileNet, classify, loadEsrgan, upscale };
export type TensorHandlers = typeof handlers;

hostThread(handlers);
