#!/usr/bin/env node
import { buildIfStale } from './build-if-stale.mjs';

/** `npm start`: builds what is out of date, then runs `weft up` with the same arguments. */
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`weft needs Node.js 20.19 or newer; this is ${process.version}`);
  process.exit(2);
}
try {
  await buildIfStale();
} catch (error) {
  console.error(`weft: the build failed: ${error.message}`);
  process.exit(1);
}
process.argv.splice(2, 0, 'up');
await import('../dist/cli/main.js');
