// `npm run tree:contracts`: prints what the forge tests say, as trees of given / when / it.
//
//   npm run tree:contracts                      all of it
//   npm run tree:contracts -- escrow/Claim jobs     the suites whose path begins so
import { drawTrees, readFacts } from './fact-tree.mjs';
import { listTests } from './list-tests.mjs';

const prefixes = process.argv.slice(2);
const { facts, faults } = readFacts(listTests());
const chosen = facts.filter(
  ({ path }) => prefixes.length === 0 || prefixes.some((prefix) => path[0].startsWith(prefix)),
);
if (chosen.length === 0) {
  const suites = [...new Set(facts.map(({ path }) => path[0]))].join(', ');
  console.error(`no suite begins with ${prefixes.join(' or ')}: there are ${suites}`);
  process.exitCode = 2;
} else {
  process.stdout.write(drawTrees(chosen));
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exitCode = 1;
}
