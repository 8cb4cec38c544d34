import { hostThread } from '../shared/thread-host.js';
import { loadReader, readPage } from './reader.js';

const handlers = { loadReader, readPage };
export type OcrHandlers = typeof handlers;

hostThread(handlers);
