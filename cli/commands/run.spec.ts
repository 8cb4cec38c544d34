import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '#core/hex.js';
import { runHere } from '#test/support/cli.js';
import { type GatewayMarket, startGatewayMarket } from '#test/support/gateway-market.js';
import { offerLicence } from '#test/support/licensing.js';
import { tempDir } from '#test/support/temp-dir.js';
import { commandsFor } from './index.js';

let market: GatewayMarket;
beforeAll(async () => {
  market = await startGatewayMarket();
});

const run = async (...argv: string[]) => runHere(await commandsFor(argv), argv, market.home);

test('a run prints a row for each step as it ends, then what came of it', async () => {
  const { code, out, err } = await run('run', 'words', '--input', 'text=one two');
  expect(code).toBe(0);
  const [titles, first, second, third] = out.split('\n');
  expect(titles).toMatch(/^STEP +LISTING +METHOD +PRICE +MS +TRIES +RECEIPT$/);
  for (const row of [first, second])
    expect(row).toMatch(/^words\.extract +0x\w{4}…\w{4} +EntitiesService\/Extract +100 +\d+ +1 +verified$/);
  expect(third).toMatch(/^words\.sentiment .* free$/);
  expect(out).toContain('paid 200 of at most 200');
  expect(out).toContain('words: 5');
  expect(err).toMatch(/^the run may cost at most 200\nrun local\.[0-9a-f]{20}\n$/);
});

test('--json prints one value; rows go to stderr; an input comes from a file', async () => {
  const file = join(tempDir(), 'text.txt');
  await writeFile(file, 'one two three');
  const { code, out, err } = await run('run', 'words', '-i', `text=@${file}`, '--max-total', '500', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ status: 'completed', pipeline: 'words', paid: '200', output: { words: 7 } });
  expect(err).toContain('verified');
});

test('a run with a licence pays nothing for the steps that it is for, and says so in its rows', async () => {
  const { listing, digest } = market.words;
  const { offerId } = await offerLicence(market.chain, market.chain.account(1), listing.asset, {
    kind: 'pass',
    calls: 4n,
  });
  const bought = await market.wallet.buyLicence({ offerId, listing: digest, maxPrice: undefined });
  const licence = toHex(bought.licenceId);
  type Statement = { total: Record<'calls' | 'amount', string> };
  const spent = async () => (JSON.parse((await run('statement', '--payer', '--json')).out) as Statement).total;
  const before = await spent();

  const shown = await run('run', 'words', '-i', 'text=one two', '--licence', licence);
  expect(shown.code).toBe(0);
  const [, first, second, third] = shown.out.split('\n');
  for (const row of [first, second])
    expect(row).toMatch(/^words\.extract +0x\w{4}…\w{4} +EntitiesService\/Extract +licence +\d+ +1 +verified$/);
  expect(third).toMatch(/^words\.sentiment .* 0 .* free$/);
  expect(shown.out).toContain('paid 0 of at most 0');
  expect(shown.err).toContain('the run may cost at most 0\n');

  const { out } = await run('run', 'words', '-i', 'text=three', '--max-total', '9', '--licence', licence, '--json');
  const view = JSON.parse(out) as { runId: string; paid: string; quote: string; steps: object[] };
  expect([view.paid, view.quote]).toEqual(['0', '0']);
  expect(view.steps).toMatchObject([
    { step: 'words.extract', amount: '0', licence, receipt: { verified: true } },
    { step: 'words.extract', amount: '0', licence, receipt: { verified: true } },
    { step: 'words.sentiment', amount: '0', receipt: null },
  ]);

  const folder = join(tempDir(), 'receipts');
  expect((await run('receipt', view.runId, '--save', folder)).code).toBe(0);
  const files = await readdir(folder);
  expect(files).toHaveLength(2);
  for (const file of files) expect((await run('verify', join(folder, file))).code).toBe(0);

  const after = await spent();
  expect(BigInt(after.calls) - BigInt(before.calls)).toBe(4n);
  expect(after.amount).toBe(before.amount);
  expect(JSON.parse((await run('audit', '--json')).out)).toMatchObject({ balanced: true, differences: [] });

  const usedUp = await run('run', 'words', '-i', 'text=four', '--licence', licence);
  expect({ code: usedUp.code, err: usedUp.err }).toEqual({
    code: 1,
    err: expect.stringContaining('has 0 calls left, and up to 2 may be made with it; name another, or none'),
  });
});

test('a run that fails exits with 1 and says why', async () => {
  const { code, out, err } = await run('run', 'words', '-i', 'text=one', '--max-total', '5', '--json');
  expect(code).toBe(1);
  expect(JSON.parse(out)).toMatchObject({ error: { reason: 'QUOTE_ABOVE_LIMIT' } });
  expect(err).toContain('--max-total');
});

test.each([
  ['an unknown pipeline', ['run', 'letters'], 'there is no pipeline "letters"'],
  ['an unknown input', ['run', 'words', '-i', 'txt=x'], 'no field "txt"; it has text'],
  ['a missing input', ['run', 'words'], 'input.text'],
  ['a limit that is no amount', ['run', 'words', '-i', 'text=x', '--max-total', '-1'], '--max-total'],
  ['a licence that is no id', ['run', 'words', '-i', 'text=x', '--licence', '0x12'], '--licence must be 0x and 64'],
  ['an unknown licence', ['run', 'words', '-i', 'text=x', '--licence', `0x${'1'.repeat(64)}`], 'has no licence'],
  ['an unknown run', ['run', 'show', 'local.nobody'], 'there is no such run'],
])('%s is refused', async (_name, argv, message) => {
  const { code, out, err } = await run(...argv);
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toContain(message);
});

test('runs are listed and shown again', async () => {
  const begun = JSON.parse((await run('run', 'words', '-i', 'text=again', '--json')).out) as { runId: string };
  // What Temporal lists lags behind what it knows.
  for (let listed = ''; !listed.includes(begun.runId); ) ({ out: listed } = await run('runs', '--limit', '200'));
  expect((await run('runs')).out).toMatch(/^RUN +PIPELINE +STATUS +STARTED +TOOK\n/);
  const { code, out } = await run('run', 'show', begun.runId);
  expect(code).toBe(0);
  expect(out).toContain('words.extract');
  expect(out).toContain(`${begun.runId}  words  completed`);
  const shown = JSON.parse((await run('run', 'show', begun.runId, '--json')).out) as object;
  expect(shown).toEqual(begun);
});

test('receipts of a run are saved, each in a file that verifies', async () => {
  const { runId } = JSON.parse((await run('run', 'words', '-i', 'text=proven', '--json')).out) as { runId: string };
  const folder = join(tempDir(), 'receipts');
  const { code, out, err } = await run('receipt', runId, 'words.extract', '--save', folder);
  expect({ code, lines: err.match(/^wrote /gm) }).toEqual({ code: 0, lines: ['wrote ', 'wrote '] });
  expect(out).toContain('EntitiesService/Extract');
  const files = await readdir(folder);
  expect(files).toHaveLength(2);
  for (const file of files) expect((await run('verify', join(folder, file))).code).toBe(0);
  const all = JSON.parse((await run('receipt', runId, '--json')).out) as { receipts: unknown[] };
  expect(all.receipts).toHaveLength(2);
  const missing = await run('receipt', runId, 'words.shout');
  expect({ code: missing.code, err: missing.err }).toEqual({
    code: 1,
    err: expect.stringContaining('it has words.extract, words.sentiment'),
  });
  expect((await run('receipt', runId, 'words.sentiment')).err).toContain('nothing was paid for there');
});
