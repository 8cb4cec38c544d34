/** What a file of workflows imports from Weft: `import { service } from 'weft/workflow'`. */
export { isReason, type Reason } from '#core/reasons.js';
export type { RunPin, RunQuote } from './runtime/activities.js';
export { reasonOf } from './runtime/failure.js';
export { type Progress, progressQuery, type StepProgress, type StepReceipt } from './runtime/progress.js';
export { quote, service } from './runtime/service.js';
export type {
  JobHandle,
  JobOptions,
  JobStep,
  JobStub,
  ServiceOptions,
  StreamStep,
  Stub,
  UnaryStep,
  WithReceipt,
} from './runtime/stub.js';
