import { hostThread } from '../shared/thread-host.js';
import { findEntities, scoreSentiment } from './wink.js';

const handlers = { findEntities, scoreSentiment };
export type EntitiesHandlers = typeof handlers;

hostThread(handlers);
