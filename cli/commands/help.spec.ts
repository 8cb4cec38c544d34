import { runHere } from '#test/support/cli.js';
import { commandNames, commandsFor } from './index.js';

const run = async (...argv: string[]) => runHere(await commandsFor(argv), argv);

test('help lists every command', async () => {
  const { code, out } = await run('--help');
  expect(code).toBe(0);
  for (const name of commandNames) expect(out).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
});

/** Commands of commands. */
const nested: Record<string, string> = {
  run: 'show cancel',
  job: 'show complete reject refund',
  asset: 'mint show collect transfer',
  licence: 'offer offers buy show renew refund transfer signer seal revoke',
  market: 'ask asks buy offer accept cancel',
  shares: 'issue show collect transfer redeem',
  govern: 'delegate propose-fee propose-operator propose-bounds vote queue execute cancel show',
};
const deeper = Object.entries(nested).flatMap(([name, subs]) => subs.split(' ').map((sub) => [name, sub]));

test.each([...commandNames.map((name) => [name]), ...deeper])(
  '%s %s has help with an example, and takes --json and --home',
  async (...argv) => {
    const { code, out, err } = await run(...argv.filter((each) => each !== undefined), '--help');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^Examples?:\n {2}\$ npx weft /m);
    expect(out).toContain('--json');
    expect(out).toContain('--home <folder>');
  },
);

test('a slip of the pen is answered with what was probably meant', async () => {
  const { code, err } = await run('servces');
  expect(code).toBe(2);
  expect(err).toContain('Did you mean services?');
});

test('the name of a command as a value hides no other command', async () => {
  expect((await run('--home', 'up', 'runs', '--help')).out).toContain('List runs');
});
