/** Copies what the compiler leaves behind, to the same place below dist: descriptor set and migrations. */
import { cpSync, existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

const isAsset = (file) =>
  file.endsWith('.binpb') || file.endsWith('.sql') || (file.endsWith('.json') && file.includes('/migrations/'));

for (const folder of ['protos/gen', 'libs', 'services'])
  if (existsSync(join(root, folder)))
    cpSync(join(root, folder), join(root, 'dist', folder), {
      recursive: true,
      filter: (file) => (statSync(file).isDirectory() ? basename(file) !== 'node_modules' : isAsset(file)),
    });
