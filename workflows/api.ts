/** What a file of workflows imports from Weft: `import { service } from 'weft/workflow'`. */
export { isReason, type Reason } from '#core/reasons.js';
export type { RunPin, RunQuote } from './runtime/activities.js';
export { reasonOf } from './runtime/failure.js';
export { type Progress, progressQuery, type StepProgress, type StepReceipt } from './runtime/progress.js';
export {
  type JobHandle,
  type JobOptions,
  type JobStep,
  type JobStub,
  quote,
  type ServiceOptions,
  type StreamStep,
  type Stub,
  service,
  type UnaryStep,
  type WithReceipt,
} from './runtime/service.js';
