import type { AddCommand } from '../command.js';
import { addBalance } from './balance.js';
import { addCall } from './call.js';
import { addChannels } from './channels.js';
import { addClaim } from './claim.js';
import { addDescribe } from './describe.js';
import { addPublish } from './publish.js';
import { addRun } from './run.js';
import { addRuns } from './runs.js';
import { addServices } from './services.js';
import { addUp } from './up.js';
import { addWorker } from './worker.js';

/** In the order in which help lists them. */
export const commands: readonly AddCommand[] = [
  addUp,
  addServices,
  addDescribe,
  addCall,
  addRun,
  addRuns,
  addChannels,
  addClaim,
  addBalance,
  addPublish,
  addWorker,
];
