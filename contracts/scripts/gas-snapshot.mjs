// What operations cost when it was last looked at; the tests hold the code to it.
import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../gas-snapshot.json', import.meta.url);
/** Share by which an operation may change before somebody has to look. */
const TOLERANCE = 0.01;

export const writeSnapshot = (gas) => writeFileSync(file, `${JSON.stringify(gas, undefined, 2)}\n`);

/** @returns {string[]} one line per operation that changed by more than the tolerance, is new or gone */
export function compareWithSnapshot(gas) {
  const known = JSON.parse(readFileSync(file, 'utf8'));
  return [...new Set([...Object.keys(known), ...Object.keys(gas)])].flatMap((operation) => {
    const [before, after] = [known[operation], gas[operation]];
    if (before === undefined) return [`${operation}: not in the snapshot, now ${after}`];
    if (after === undefined) return [`${operation}: in the snapshot, but not measured`];
    return Math.abs(after - before) > before * TOLERANCE ? [`${operation}: ${before} -> ${after}`] : [];
  });
}
