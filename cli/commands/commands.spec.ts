import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeMarketplace } from '#client/marketplace.js';
import { toHex } from '#core/hex.js';
import { writeFileAtomic } from '#platform/secrets.js';
import { runHere } from '#test/support/cli.js';
import { ECHO, type EchoMarket, startEchoMarket } from '#test/support/echo-market.js';
import { marketplaceOf } from '#test/support/nowhere.js';
import { tempDir } from '#test/support/temp-dir.js';
import { commandsFor } from './index.js';

let market: EchoMarket;
let home: string;
beforeAll(async () => {
  market = await startEchoMarket({ summary: 'Says it again\u001b[2J\u202e' });
  home = market.home;
});
afterAll(() => market?.stop());

const run = async (...argv: string[]) => runHere(await commandsFor(argv), argv, home);
const json = async (...argv: string[]) => {
  const { out, code, err } = await run(...argv, '--json');
  if (code !== 0) throw new Error(err);
  return JSON.parse(out) as Record<string, unknown>;
};

describe('services', () => {
  test('lists what is offered with its prices', async () => {
    const { code, out, err } = await run('services');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const [titles, say, count, peek] = out.split('\n');
    expect(titles).toMatch(/^ASSET +SERVICE +HEALTH +METHOD +PRICE +LISTING +TITLE$/);
    expect(say).toMatch(/^1 +test\.echo\.v1\.EchoService +serving +Say +100 a call +0x[0-9a-f]{4}…[0-9a-f]{4} +Echo$/);
    expect(count).toContain('3 per 10 characters, at most 60');
    expect(peek).toContain('free');
  });

  test('--json has amounts as decimal strings and digests in full', async () => {
    const { listings } = await json('services');
    expect(listings).toEqual([
      expect.objectContaining({
        listing: market.echo.listing,
        asset: '1',
        service: ECHO,
        serving: true,
        prices: expect.arrayContaining([
          { method: `${ECHO}/Say`, kind: 'fixed', unit: '', rate: '100', per: '1', maxAmount: '100' },
        ]),
      }),
    ]);
  });

  test('finds by words', async () => {
    expect((await json('services', 'echo', 'text'))['listings']).toHaveLength(1);
    expect((await run('services', 'zebra')).out).toBe('nothing found\n');
  });
});

describe('describe', () => {
  test.each(['echo', 'Echo-Service', 'EchoService', ECHO, '1'])('shows the offer called "%s"', async (name) => {
    expect(await json('describe', name)).toMatchObject({ listing: market.echo.listing, service: ECHO });
  });

  test('shows methods, prices and fields to a person', async () => {
    const { out } = await run('describe', market.echo.listing);
    expect(out).toContain(`listing   ${market.echo.listing}`);
    expect(out).toContain('Count  3 per 10 characters, at most 60');
    expect(out).toContain('    text: string');
  });

  test('T62 what a provider writes cannot drive the terminal', async () => {
    const { out } = await run('describe', 'echo');
    expect(out).toContain('Says it again');
    for (const hidden of ['\u001b', '\u202e']) expect(out).not.toContain(hidden);
  });

  test.each([
    ['orc', 'LISTING_UNKNOWN'],
    ['99', 'LISTING_UNKNOWN'],
    [`0x${'0'.repeat(64)}`, 'LISTING_UNKNOWN'],
    ['0x12', 'INVALID_INPUT'],
  ])('"%s" is refused with %s', async (name, reason) => {
    const { code, out, err } = await run('describe', name);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(reason);
    expect(err.trim().split('\n')).toHaveLength(1);
  });
});

describe('call', () => {
  test('pays, checks the receipt and prints the response', async () => {
    const { code, out, err } = await run('call', 'echo', 'Say', '{"text":"hello"}');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({ text: 'hello' });
    expect(err).toMatch(/^paid 100, receipt verified, \d+ ms\n$/);
  });

  test('--json tells what was paid to whom', async () => {
    expect(await json('call', 'echo', 'Count', '{"text":"hello"}')).toEqual({
      listing: market.echo.listing,
      method: `${ECHO}/Count`,
      amount: '2',
      attempts: 1,
      latencyMs: expect.any(Number),
      receipt: {
        callId: expect.stringMatching(/^0x[0-9a-f]{64}$/),
        signer: toHex(market.echo.operator.address),
        verified: true,
      },
      response: { text: 'hello' },
    });
  });

  test('fields come from the command line and from files, and answers go into files', async () => {
    const dir = tempDir();
    await writeFile(join(dir, 'in.txt'), 'Grüße');
    const out = join(dir, 'out.txt');
    const { response } = await json(
      'call',
      'echo',
      'Say',
      '-f',
      `text=@${join(dir, 'in.txt')}`,
      '--save',
      `text=${out}`,
    );
    expect(response).toEqual({ text: 'Grüße' });
    expect(await readFile(out, 'utf8')).toBe('Grüße');
  });

  test('what a file cannot take is printed all the same, since it is paid for', async () => {
    const { code, out, err } = await run('call', 'echo', 'Say', '{"text":"paid"}', '--save', `text=${tempDir()}`);
    expect(code).toBe(1);
    expect(err).toContain('cannot write');
    expect(out).toContain('paid');
  });

  test('a free call pays nothing', async () => {
    expect(await json('call', 'echo', 'Peek', '{"text":"x"}')).toMatchObject({ amount: '0', receipt: null });
  });

  test.each([
    ['an unknown method', ['Shout', '{}'], 'UNKNOWN_METHOD'],
    ['text that is not JSON', ['Say', '{'], 'INVALID_JSON'],
    ['an unknown field', ['Say', '{"txt":1}'], 'txt'],
    ['a wrong type, with its path', ['Say', '{"text":{"a":1}}'], 'text'],
    ['a price above the limit', ['Say', '{}', '--max-price', '99'], 'PRICE_ABOVE_LIMIT'],
    ['a limit that is no amount', ['Say', '{}', '--max-price', '1e3'], '--max-price'],
    ['a field to save that no answer has', ['Say', '{}', '--save', 'txt=/tmp/x'], 'no field "txt"'],
    ['a file to save in a folder that is not there', ['Say', '{}', '--save', 'text=/nowhere/x'], 'ENOENT'],
  ])('%s is refused and nothing is paid', async (_name, argv, what) => {
    const before = await json('balance');
    const { code, out, err } = await run('call', 'echo', ...argv);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(what);
    expect(await json('balance')).toEqual(before);
  });
});

describe('channels and balance', () => {
  test('show what was put where, and agree with each other', async () => {
    await json('call', 'echo', 'Say', '{"text":"once more"}');
    const { channels } = (await json('channels')) as { channels: Record<string, string>[] };
    expect(channels).toEqual([
      expect.objectContaining({ open: true, terms: expect.objectContaining({ asset: '1', tenure: 1 }) }),
    ]);
    const balance = (await json('balance')) as Record<string, string>;
    const inChannels = BigInt(channels[0]?.['deposited'] ?? 0) - BigInt(channels[0]?.['claimed'] ?? 0);
    expect(balance['inChannels']).toBe(String(inChannels));
    expect(BigInt(balance['total'] ?? 0)).toBe(BigInt(balance['free'] ?? 0) + inChannels);
    expect((await run('channels')).out).toMatch(/^CHANNEL +ASSET +TENURE +DEPOSITED/);
    expect((await run('balance')).out).toContain('free in the escrow');
  });
});

describe('claim', () => {
  test('takes to the chain what was earned, to the last unit, and then there is nothing more', async () => {
    await json('call', 'echo', 'Say', '{"text":"to be claimed"}');
    const { claims } = (await json('claim')) as { claims: Record<string, string>[] };
    const settled = (await market.wallet.channels()).reduce((sum, channel) => sum + channel.settled, 0n);
    expect(claims).toEqual([expect.objectContaining({ asset: '1', tenure: 1, amount: String(settled) })]);
    expect(await market.chain.escrow.income(1n, 1)).toMatchObject({ earned: settled });
    expect((await run('claim')).out).toBe('nothing to claim\n');
  });
});

describe('anchor', () => {
  test('writes on chain what stands for all receipts, and then there is nothing more', async () => {
    await json('call', 'echo', 'Say', '{"text":"to be anchored"}');
    const { epochs } = (await json('anchor')) as { epochs: Record<string, string>[] };
    const settled = (await market.wallet.channels()).reduce((sum, channel) => sum + channel.settled, 0n);
    expect(epochs).toEqual([expect.objectContaining({ asset: '1', tenure: 1, epoch: '1', amount: String(settled) })]);
    expect((await run('anchor')).out).toBe('nothing to anchor\n');
  });
});

describe('receipt and verify', () => {
  const paid = async () => {
    const { receipt } = (await json('call', 'echo', 'Say', '{"text":"to be proven"}')) as {
      receipt: { callId: string };
    };
    return receipt.callId;
  };

  test('a receipt that is not anchored yet verifies by its signature, and both say so', async () => {
    const file = join(tempDir(), 'receipt.json');
    const callId = await paid();
    const saved = await run('receipt', callId, '--save', file);
    expect(saved.code).toBe(0);
    expect(saved.err).toContain(`wrote ${file}`);
    expect(saved.out).toMatch(/^no proof +it is not anchored yet, and will be by \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/m);
    const { code, out } = await run('verify', file);
    expect(code).toBe(0);
    expect(out).toContain('It is in no epoch');
    expect(await json('verify', file)).toMatchObject({ verified: true, callId, anchored: null, notChecked: [] });
  });

  test('once it is anchored it verifies against the chain, alone, and with an address of the chain and no home', async () => {
    const file = join(tempDir(), 'receipt.json');
    const callId = await paid();
    await run('anchor');
    const shown = await json('receipt', callId, '--save', file);
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(shown);
    expect(shown).toMatchObject({ receipt: { callId, asset: '1', amount: '100' }, proof: { epoch: '2' } });
    const verified = await json('verify', file);
    expect(verified).toMatchObject({
      verified: true,
      callId,
      asset: '1',
      tenure: 1,
      method: `${ECHO}/Say`,
      listing: market.echo.listing,
      amount: '100',
      signer: toHex(market.echo.operator.address),
      anchored: { epoch: '2', root: expect.stringMatching(/^0x[0-9a-f]{64}$/) },
      credits: [],
      notChecked: [],
    });
    const { out } = await run('verify', file);
    expect(out).toMatch(/^anchored +in epoch 2$/m);
    expect(out).toMatch(/\nverified\n$/);

    const alone = await json('verify', file, '--offline', '--home', tempDir());
    expect(alone).toMatchObject({ verified: true, anchored: verified['anchored'] });
    expect(alone['notChecked']).toHaveLength(4);
    const where = ['--rpc-url', market.chain.rpcUrl, '--contracts', join(home, 'contracts.json')];
    expect(await json('verify', file, ...where, '--home', tempDir())).toEqual(verified);
  });

  test.each([
    ['an amount', { amount: '1' }, 'receipt.amount: the receipt says 1, but 100 were anchored for it'],
    ['another escrow', undefined, 'contracts.escrow: the receipt names 0x00'],
  ])('a file with %s that is not its own exits with 1 and says what is wrong', async (_, change, sentence) => {
    const file = join(tempDir(), 'receipt.json');
    const callId = await paid();
    await run('anchor');
    const good = (await json('receipt', callId)) as { receipt: object; contracts: object };
    const forged =
      change === undefined
        ? { ...good, contracts: { ...good.contracts, escrow: `0x${'00'.repeat(20)}` } }
        : { ...good, receipt: { ...good.receipt, ...change } };
    await writeFile(file, JSON.stringify(forged));
    const { code, out, err } = await run('verify', file);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(sentence);
    expect(err.trim().split('\n')).toHaveLength(1);
  });

  test.each([
    ['a call that nobody made', ['receipt', `0x${'0'.repeat(64)}`], 'no receipt of this call'],
    ['an id that is none', ['receipt', '0x12'], 'call must be 0x and 64 hexadecimal digits'],
    ['a step of a call', ['receipt', `0x${'0'.repeat(64)}`, 'ocr'], 'a step is named of a run'],
    ['a file that is not there', ['verify', '/nowhere/receipt.json'], '/nowhere/receipt.json cannot be read'],
  ])('%s is refused', async (_, argv, sentence) => {
    const { code, err } = await run(...argv);
    expect(code).toBe(1);
    expect(err).toContain(sentence);
  });
});

describe('statement', () => {
  const today = async () => new Date((await market.chain.nowSec()) * 1000).toISOString().slice(0, 10);
  const settled = async () => (await market.wallet.channels()).reduce((sum, channel) => sum + channel.settled, 0n);

  test('of the payer and of the asset add up to what both ledgers and the audit say', async () => {
    await json('call', 'echo', 'Count', '{"text":"one two three"}');
    await json('claim');
    const { calls, earned } = (await market.echo.ledger.earnings())[0]!;
    expect(earned).toBe(await settled());
    const ofPayer = await json('statement', '--payer');
    const ofAsset = await json('statement', '--asset', '1');
    for (const statement of [ofPayer, ofAsset])
      expect(statement['total']).toMatchObject({ calls: String(calls), amount: String(earned) });
    const { assets } = (await json('audit')) as { assets: Record<string, string>[] };
    const audited = assets.find(({ asset }) => asset === '1');
    expect(audited).toMatchObject({ earned: String(earned) });
    expect(ofAsset['total']).toMatchObject({
      royaltiesIn: audited?.['royaltiesIn'],
      royaltiesOut: audited?.['royaltiesOut'],
    });
    expect(ofPayer).toMatchObject({ token: { decimals: 6 } });
    // One row, or two if a day ends meanwhile.
    const days = ofPayer['days'] as Record<string, string>[];
    expect(days.map(({ asset }) => asset)).toEqual(days.map(() => '1'));
    const sum = (of: string) => days.reduce((total, day) => total + BigInt(day[of]!), 0n);
    expect([sum('calls'), sum('amount')]).toEqual([calls, earned]);
    // Count is metered by the character, Say counts as one.
    expect(Number((ofPayer['total'] as { units: string }).units)).toBeGreaterThan(Number(calls));
    expect((ofAsset['total'] as { units: string }).units).toBe((ofPayer['total'] as { units: string }).units);
  });

  test('is a table for people, and comma-separated values for spreadsheets', async () => {
    const { out } = await run('statement', '--payer');
    expect(out).toMatch(/^DAY +ASSET +CALLS +UNITS +AMOUNT\n/);
    expect(out).toMatch(/^total +\d+ +\d+ +[\d.]+ tWEFT$/m);
    const { out: lines } = await run('statement', '--asset', '1', '--csv');
    const [head, first] = lines.split('\r\n');
    expect(head).toBe(
      'day,asset,calls,units,amount,royaltiesIn,royaltiesOut,amountInToken,royaltiesInInToken,royaltiesOutInToken,token',
    );
    expect(first).toMatch(/^\d{4}-\d\d-\d\d,1,\d+,\d+,\d+,0,0,0\.\d+,0\.0,0\.0,tWEFT\n?$/);
  });

  test('holds to the days that are asked for', async () => {
    const day = await today();
    expect((await json('statement', '--payer', '--to', '2020-01-01'))['days']).toEqual([]);
    expect((await run('statement', '--payer', '--from', '2100-01-01')).out).toBe('nothing in these days\n');
    const all = await json('statement', '--payer');
    expect(await json('statement', '--payer', '--from', '2020-01-01', '--to', day)).toEqual(all);
  });

  test.each([
    ['nobody', [], 'either --asset ID or --payer'],
    ['two', ['--payer', '--asset', '1'], 'either --asset ID or --payer'],
    ['an asset that is none', ['--asset', '0'], '0 is not the id of an asset'],
    ['an asset that nobody minted', ['--asset', '999'], 'there is no asset 999'],
    ['a day that is none', ['--payer', '--from', '2026-02-30'], '--from must be a day'],
    ['days that run backwards', ['--payer', '--from', '2026-02-02', '--to', '2026-02-01'], '--from must not be after'],
    ['two forms', ['--payer', '--csv', '--json'], 'either --csv or --json'],
  ])('of %s is refused', async (_, argv, sentence) => {
    const { code, err } = await run('statement', ...argv);
    expect(code).toBe(1);
    expect(err).toContain(sentence);
  });
});

describe('publish', () => {
  const offer = (port: string) => ({
    service: ECHO,
    endpoints: [`grpc://${port}`],
    prices: { Say: '7', Count: '1/20 character, max 50', Peek: 'free' },
    title: 'My echo',
  });

  test('offers a running service, and leaves it alone the second time', async () => {
    const file = join(tempDir(), 'offer.json');
    await writeFile(file, JSON.stringify(offer(market.echo.app.address)));
    const first = await json('publish', file);
    expect(first).toMatchObject({ isNew: true, record: { title: 'My echo', service: ECHO } });
    expect(await json('publish', file)).toMatchObject({ isNew: false, listing: first['listing'] });
    expect(await json('describe', String(first['asset']))).toMatchObject({ listing: first['listing'] });
    const changed = await json('publish', file, '--price', 'Say=8');
    expect(changed).toMatchObject({ isNew: true, asset: first['asset'], record: { version: 2 } });
  });

  test('an endpoint where nobody listens costs nothing and exits with 3', async () => {
    const count = await market.chain.assets.count();
    const { code, err } = await run(
      'publish',
      '--service',
      ECHO,
      '--endpoint',
      'grpc://127.0.0.1:1',
      '--price',
      'Say=1',
      '--title',
      'x',
    );
    expect(code).toBe(3);
    expect(err).toContain('ENDPOINT_UNREACHABLE');
    expect(await market.chain.assets.count()).toBe(count);
  });

  test.each([
    ['a price for a method that is not there', ['--price', 'Shout=5'], 'prices'],
    ['a price that nobody understands', ['--price', 'Say=cheap'], 'prices.Say'],
    ['a service that is not served', ['--service', 'test.echo.v1.NoService'], 'CONTRACT_MISMATCH'],
  ])('%s is refused before anything is sent', async (_name, argv, what) => {
    const count = await market.chain.assets.count();
    const file = join(tempDir(), 'offer.json');
    const { prices: _, ...rest } = offer(market.echo.app.address);
    await writeFile(file, JSON.stringify({ ...rest, prices: {} }));
    const { code, err } = await run('publish', file, ...argv);
    expect(code).toBe(1);
    expect(err).toContain(what);
    expect(await market.chain.assets.count()).toBe(count);
  });
});

describe('a marketplace that is not there', () => {
  test('no marketplace file: says how to start one', async () => {
    const { code, err } = await runHere(await commandsFor(['services']), ['services'], tempDir());
    expect(code).toBe(1);
    expect(err).toMatch(/no marketplace at .*CONFIG_INVALID/);
  });

  test.each([
    ['services', 'REGISTRY_UNAVAILABLE'],
    ['runs', 'GATEWAY_UNAVAILABLE'],
    ['balance', 'WALLET_UNAVAILABLE'],
    ['channels', 'WALLET_UNAVAILABLE'],
  ])('%s exits with 3 and says which part is down', async (command, reason) => {
    const empty = tempDir();
    await writeMarketplace(empty, marketplaceOf());
    for (const file of ['none', 'gateway/local.key']) writeFileAtomic(join(empty, file), 'secret');
    const { code, out, err } = await runHere(await commandsFor([command]), [command, '--json'], empty);
    expect(code).toBe(3);
    expect(err).toContain(reason);
    expect(JSON.parse(out)).toMatchObject({ error: { reason } });
  });
});
