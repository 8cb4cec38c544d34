import { z } from 'zod';
import { intakeServices } from '#workflows/intake.js';
import { declaredRequirements } from '#workflows/runtime/requirements.js';
import type { Pipeline } from './pipeline.js';
import { base64Bytes } from './pipeline-input.js';

const MAX_IMAGE_BYTES = 10 * 1024 * 1024;

/** The pipelines of `workflows/index.ts`. */
export const shippedPipelines: readonly Pipeline[] = [
  {
    name: 'intake',
    summary: 'Takes in a scanned page: is it fit to be seen, what does it say, in which language, about what.',
    workflowType: 'intake',
    input: z.strictObject({ image: base64Bytes(MAX_IMAGE_BYTES).describe('PNG, JPEG, WebP or TIFF') }),
    requirements: declaredRequirements(intakeServices),
  },
];
