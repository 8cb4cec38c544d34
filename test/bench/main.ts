/**
 * `npm run bench [-- name] [-- --json]`: figures and ratios, both sides in one run. With --json the last line on stdout
 * is one JSON object per bench.
 */
const benches = {
  'paid-call': () => import('./paid-call.js'),
} as const;

const names = Object.keys(benches) as (keyof typeof benches)[];
const args = process.argv.slice(2);
const asked = args.filter((arg) => !arg.startsWith('--'));
const unknown = asked.find((name) => !Object.hasOwn(benches, name));
if (unknown !== undefined) {
  console.error(`no bench is called ${unknown}; there are ${names.join(', ')} (and npm run gas)`);
  process.exit(2);
}
for (const name of asked.length > 0 ? (asked as typeof names) : names) {
  const { run } = await benches[name]();
  const figures = await run((line) => console.error(line));
  console.log(args.includes('--json') ? JSON.stringify(figures) : JSON.stringify(figures, null, 2));
}
