import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { transform } from '@swc/core';
import jestConfig from '../../jest.config.mjs';

const swcOptions = jestConfig.transform['^.+\\.ts$'][1];

/** `#core/x.js`, `./x.js` and, in examples, `weft/client` are TypeScript files here. */
export async function resolve(specifier, context, next) {
  if (/^(#|weft\/)/.test(specifier))
    return next(specifier, { ...context, conditions: ['source', ...context.conditions] });
  const ours = context.parentURL?.endsWith('.ts') && specifier.startsWith('.') && specifier.endsWith('.js');
  return next(ours ? specifier.replace(/\.js$/, '.ts') : specifier, context);
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const filename = fileURLToPath(url);
  const source = await readFile(filename, 'utf8');
  const { code } = await transform(source, { ...swcOptions, filename, sourceMaps: 'inline', swcrc: false });
  return { format: 'module', source: code, shortCircuit: true };
}
