/** The shipped pipelines: every export is a workflow that the worker runs under its name. */
export { intake } from './intake.js';
