import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WorkflowBundle } from '@temporalio/worker';
import { bundleWorkflows, shippedWorkflows } from './bundle.js';

/** What `npm run build` leaves beside this file: bundling takes longer than everything else a worker does to start. */
export const bundleFile = join(dirname(fileURLToPath(import.meta.url)), 'shipped-workflows.bundle.js');

/** The shipped pipelines, bundled by the build; from the sources, bundled now. */
export const shippedBundle = async (): Promise<WorkflowBundle> =>
  existsSync(bundleFile) ? { code: readFileSync(bundleFile, 'utf8') } : bundleWorkflows(shippedWorkflows);
