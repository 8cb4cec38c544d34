import { join } from 'node:path';
import { packageRoot } from '#platform/home.js';

/** The scanned page that ships with Weft. */
export const scanFile = (): string => join(packageRoot(), 'examples', 'scan.png');
