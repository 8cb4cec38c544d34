import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds our package.json: the clone, or the installed package. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    if (folder === dirname(folder)) throw new Error('no package.json above the platform library');
    folder = dirname(folder);
  }
  return folder;
}

/** The file of addresses that everything here reads instead of its home's own, if WEFT_CONTRACTS_FILE names one. */
export function contractsFileNamed(): string | undefined {
  const named = process.env['WEFT_CONTRACTS_FILE'];
  return named === undefined || named === '' ? undefined : resolve(named);
}

/** Where all state lies: WEFT_HOME, else `.weft` in the clone, or in the working folder if we are installed as a package. */
export function weftHome(): string {
  const asked = process.env['WEFT_HOME'];
  if (asked !== undefined && asked !== '') return resolve(asked);
  const root = packageRoot();
  return join(root.includes('node_modules') ? process.cwd() : root, '.weft');
}
