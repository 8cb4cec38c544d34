import { writeFileSync } from 'node:fs';
import { bundleWorkflows, shippedWorkflows } from './bundle.js';
import { bundleFile } from './bundle-file.js';

/* Part of `npm run build`: bundles the shipped pipelines for the worker. */
const { code } = await bundleWorkflows(shippedWorkflows);
writeFileSync(bundleFile, code);
