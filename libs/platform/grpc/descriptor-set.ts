import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The FileDescriptorSet of all our protos. It lies in `protos/gen` beside the sources and, after a build, at
 * the same place below `dist`.
 */
export function loadDescriptorSet(): Uint8Array {
  const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
  const file = join(root, 'protos/gen/weft.binpb');
  if (!existsSync(file)) throw new Error(`${file} is missing: run "npm run build" (or "npm run generate")`);
  return readFileSync(file);
}
