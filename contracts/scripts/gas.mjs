// `npm run gas`: prints what every operation costs, measured with real transactions on anvil. With --json the last line is
// one JSON object with a number per operation ("Each": per entry of a batch). --update rewrites the snapshot.
import { build } from './compile.mjs';
import { compareWithSnapshot, writeSnapshot } from './gas-snapshot.mjs';
import { measureGas } from './measure-gas.mjs';

const flags = new Set(process.argv.slice(2));
const unknown = [...flags].find((flag) => !['--json', '--update'].includes(flag));
if (unknown) {
  console.error(`unknown flag ${unknown}; usage: npm run gas -- [--json] [--update]`);
  process.exit(2);
}

build();
const gas = await measureGas();
const width = Math.max(...Object.keys(gas).map((operation) => operation.length));
for (const [operation, amount] of Object.entries(gas)) {
  console.log(`${operation.padEnd(width)}  ${amount.toLocaleString('en').padStart(10)}`);
}
if (flags.has('--update')) writeSnapshot(gas);
const changes = compareWithSnapshot(gas);
for (const change of changes) console.error(`changed: ${change}`);
if (changes.length > 0) console.error('if that is meant: npm run gas -- --update');
if (flags.has('--json')) console.log(JSON.stringify(gas));
