#!/usr/bin/env node
// The npm solc dressed as the native compiler, for forge: it asks for --version and --standard-json only, and hands
// over every source itself.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const solc = createRequire(import.meta.url)('solc');
if (process.argv.includes('--version')) {
  console.log(`solc, the solidity compiler\nVersion: ${solc.version()}`);
} else if (process.argv.includes('--standard-json')) {
  process.stdout.write(solc.compile(readFileSync(0, 'utf8')));
} else {
  console.error('only --version and --standard-json are here');
  process.exit(1);
}
