import { build } from '../../contracts/scripts/compile.mjs';
import { measureGas } from '../../contracts/scripts/measure-gas.mjs';
import type { Run } from './bench.js';

/** The figures of `npm run gas`: what every operation costs, with real transactions on anvil. */
export const run: Run = async ({ say }) => {
  say('compiling, then sending every transaction');
  build();
  const gas = await measureGas();
  const rows = Object.entries(gas).map(([operation, amount]) => [operation, amount.toLocaleString('en')]);
  return { figures: { gas }, rows: [['operation', 'gas'], ...rows] };
};
