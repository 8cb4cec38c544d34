import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mintedAsset } from '#contracts/assets.js';
import { send } from '#contracts/chain.js';
import { toHex } from '#core/hex.js';
import { ProviderKeys } from '#services/models/provider/provider-keys.js';
import { runHere } from '#test/support/cli.js';
import { type EchoMarket, startEchoMarket } from '#test/support/echo-market.js';
import { EchoDefinition } from '#test/support/echo-service.js';
import { tempDir } from '#test/support/temp-dir.js';
import { commandsFor } from './index.js';

let market: EchoMarket;
let ownerKey: string[];

beforeAll(async () => {
  market = await startEchoMarket();
  const file = join(market.home, 'owner.key');
  writeFileSync(file, market.chain.account(1).privateKey, { mode: 0o600 });
  ownerKey = ['--owner-key', file];
});
afterAll(() => market?.stop());

const runAt = async (home: string, ...argv: string[]) => runHere(await commandsFor(argv), argv, home);
const run = async (...argv: string[]) => runAt(market.home, ...argv);
const jsonAt = async <T = Record<string, string>>(home: string, ...argv: string[]): Promise<T> => {
  const { out, code, err } = await runAt(home, ...argv, '--json');
  if (code !== 0) throw new Error(err);
  return JSON.parse(out) as T;
};
const json = async <T = Record<string, string>>(...argv: string[]): Promise<T> => jsonAt(market.home, ...argv);
const asset = () => String(market.echo.asset);
const offered = async (...terms: string[]) =>
  (await json('licence', 'offer', asset(), '--price', '9000', ...terms, ...ownerKey))['offerId'] as string;
const bought = async (...terms: string[]) =>
  (await json('licence', 'buy', await offered(...terms)))['licenceId'] as string;
const sayAt = (home: string, licence: string, text: string) =>
  jsonAt<{ amount: string; response: { text: string }; receipt: { callId: string } }>(
    home,
    'call',
    asset(),
    'Say',
    JSON.stringify({ text }),
    '--licence',
    licence,
  );
const say = (licence: string, text: string) => sayAt(market.home, licence, text);

test('a subscription is offered, found, bought, used, renewed and refunded', async () => {
  const offer = await offered('--kind', 'subscription', '--days', '30', '--refundable');
  const { out } = await run('licence', 'offers', 'EchoService');
  expect(out).toMatch(/^KIND +PRICE +RUNS +CALLS +TERMS +STATUS +OFFER$/m);
  expect(out).toMatch(new RegExp(`^subscription +9000 +30 days +any +refundable +open +${offer}$`, 'm'));
  const dear = await run('licence', 'buy', offer, '--max-price', '8999');
  expect([dear.code, dear.err]).toEqual([expect.any(Number), expect.stringContaining('PRICE_ABOVE_LIMIT')]);
  const tokens = async () => (await market.wallet.account()).inToken + (await market.wallet.account()).free;
  const before = await tokens();
  const { licenceId: licence } = await json('licence', 'buy', offer, '--max-price', '9000');
  expect(before - (await tokens())).toBe(9_000n);
  const answer = await say(licence!, 'by licence');
  expect(answer).toMatchObject({ amount: '0', response: { text: 'by licence' } });
  // No channel was opened, and nothing paid from one.
  expect(await market.wallet.channels()).toEqual([]);
  type Shown = { licences: { validUntilSec: number; valid: boolean }[] };
  const until = async () => (await json<Shown>('licence', 'show', licence!)).licences[0]!.validUntilSec;
  const first = await until();
  await run('licence', 'renew', licence!, '--periods', '2');
  expect((await until()) - first).toBe(2 * 30 * 86_400);
  expect((await run('licence', 'show')).out).toMatch(new RegExp(`subscription +${asset()} +valid .* ${licence}$`, 'm'));
  const back = await json('licence', 'refund', licence!);
  expect(BigInt(back['refunded']!)).toBeGreaterThan(26_900n);
  expect(before - (await tokens())).toBeLessThan(100n);
  expect((await run('licence', 'show')).out).toMatch(/subscription .*over/);
});

test('a pass counts its calls, is refused when it is used up, and its rest is refunded at the provider’s count', async () => {
  const licence = await bought('--kind', 'pass', '--calls', '3', '--days', '9', '--refundable');
  for (const text of ['one', 'two']) expect((await say(licence, text)).response.text).toBe(text);
  const { refunded } = await json('licence', 'refund', licence);
  expect(refunded).toBe('3000');
  const other = await bought('--kind', 'pass', '--calls', '2');
  for (const text of ['one', 'two']) await say(other, text);
  await expect(say(other, 'three')).rejects.toThrow('LICENCE_USED_UP');
  const shown = await json<{ licences: { licenceId: string; signed: string }[] }>('licence', 'show');
  expect(shown.licences.find(({ licenceId }) => licenceId === other)).toMatchObject({ signed: '2' });
});

test('a pass is passed on: the new holder names a key and uses what is left, the old one nothing more', async () => {
  const { home: heirs, payer: heir } = await market.anotherHome();
  const licence = await bought('--kind', 'pass', '--calls', '4', '--transferable');
  for (const text of ['one', 'two']) await say(licence, text);
  expect(await json('licence', 'seal', licence)).toMatchObject({ uses: '2', callsLeft: '2' });
  const again = await run('licence', 'seal', licence);
  expect(again.out).toBe('used         2\nleft         2\ntransaction  none: it was sealed already\n');
  await expect(say(licence, 'sealed')).rejects.toThrow(/weft licence signer.*LICENCE_SEALED/);
  // Whoever named no key may go on with the next one.
  await json('licence', 'signer', licence);
  await say(licence, 'three');

  const { out } = await run('licence', 'transfer', licence, heir);
  expect(out).toContain(`holder       ${heir}, who uses it after \`weft licence signer ${licence}\``);
  await expect(say(licence, 'four')).rejects.toThrow('LICENCE_SEALED');
  for (const argv of [['signer'], ['seal'], ['transfer', `0x${'7'.repeat(40)}`]])
    await expect(json('licence', argv[0]!, licence, ...argv.slice(1))).rejects.toThrow(`is held by ${heir}`);
  await expect(sayAt(heirs, licence, 'four')).rejects.toThrow(/weft licence signer.*LICENCE_SEALED/);
  const { signer } = await jsonAt(heirs, 'licence', 'signer', licence);
  expect((await runAt(heirs, 'licence', 'signer', licence)).out).toBe(
    `signer       ${signer}\ntransaction  none: it was named already\n`,
  );
  expect((await sayAt(heirs, licence, 'four')).response.text).toBe('four');
  await expect(sayAt(heirs, licence, 'five')).rejects.toThrow('LICENCE_USED_UP');
  await expect(say(licence, 'five')).rejects.toThrow(`are signed by ${signer}, a key that this wallet does not have`);
  const shown = await jsonAt<{ licences: { holder: string }[] }>(heirs, 'licence', 'show');
  expect(shown.licences).toMatchObject([{ licenceId: licence, holder: heir, callsLeft: '1', signed: '4' }]);
});

test('a licence that cannot be passed on, or not so, stays and says why', async () => {
  const licence = await bought('--kind', 'pass', '--calls', '2');
  await expect(json('licence', 'transfer', licence, `0x${'7'.repeat(40)}`)).rejects.toThrow(
    'its seller sold this licence as one that cannot be passed on',
  );
  await expect(json('licence', 'transfer', licence, 'nobody')).rejects.toThrow('to: "nobody" is neither an address');
  await expect(json('licence', 'signer', `0x${'0'.repeat(64)}`)).rejects.toThrow('the chain has no such licence');
  const subscription = await bought('--kind', 'subscription', '--days', '3');
  await expect(json('licence', 'seal', subscription)).rejects.toThrow('a subscription counts no calls');
  await say(licence, 'still mine');
});

test('the receipt of a call with a licence is saved with its proof, and verifies with and without a chain', async () => {
  const licence = await bought('--kind', 'pass', '--calls', '2', '--transferable');
  const { callId } = (await say(licence, 'to be proven')).receipt;
  const file = join(tempDir(), 'receipt.json');
  expect(await json('receipt', callId)).toMatchObject({ proof: null, receipt: { account: licence } });
  expect((await json<{ epochs: unknown[] }>('anchor')).epochs).toHaveLength(1);
  await json('licence', 'transfer', licence, `0x${'7'.repeat(40)}`); // its proof is not lost with it
  const saved = await json('receipt', callId, '--save', file);
  expect(saved).toMatchObject({
    receipt: { callId, account: licence, amount: '0' },
    call: { listing: market.echo.listing, maxAmount: '0' },
    proof: { amount: '0' },
  });
  const verified = await json('verify', file);
  expect(verified).toMatchObject({ verified: true, callId, amount: '0', anchored: { epoch: '1' }, notChecked: [] });
  expect(await json('verify', file, '--offline')).toMatchObject({ verified: true, anchored: { epoch: '1' } });
});

test('what is revocable is revoked, and admits nothing then', async () => {
  const licence = await bought('--kind', 'rental', '--days', '1', '--refundable', '--revocable');
  await say(licence, 'before');
  expect((await run('licence', 'revoke', licence, ...ownerKey)).out).toBe(`revoked ${licence}\n`);
  for (;;) {
    const failed = await say(licence, 'after').then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (failed === undefined) continue; // 200 ms are allowed
    expect(failed).toContain('LICENCE_ENDED');
    return;
  }
});

test('a typed client uses a licence', async () => {
  const licence = await bought('--kind', 'perpetual');
  const weft = market.weft();
  const { listing } = await market.market.directory.get({ asset: market.echo.asset });
  const contract = toHex(listing.contractDigest);
  const client = await weft.service(EchoDefinition, { useLicence: licence, contract });
  const { response, receipt, signer } = await client.say.withReceipt({ text: 'typed' });
  expect([response.text, receipt?.amount, toHex(signer!)]).toEqual(['typed', 0n, toHex(market.echo.operator.address)]);
  expect(toHex(receipt!.account)).toBe(licence);
  const counted = await client.count.withReceipt({ text: 'metered' });
  expect(counted.receipt).toMatchObject({ units: 7n, amount: 0n });
  await client.close();
});

test('a token with limits neither buys nor uses licences, and foreign ones have no key here', async () => {
  const offerId = Buffer.from((await offered('--kind', 'perpetual')).slice(2), 'hex');
  const limits = { total: 1_000_000n, perCall: undefined, perDay: undefined, expiresAtSec: undefined };
  const limited = market.connect(await market.admin.createToken('limited', 'SPEND', limits));
  const { digest: listing } = market.echo;
  await expect(limited.buyLicence({ offerId, listing, maxPrice: undefined })).rejects.toMatchObject({
    reason: 'LIMIT_EXCEEDED',
  });
  const { licenceId } = await market.wallet.buyLicence({ offerId, listing, maxPrice: undefined });
  const call = {
    callId: new Uint8Array(32),
    listing,
    method: 'a.v1.S/M',
    requestDigest: new Uint8Array(32),
    maxAmount: 0n,
  };
  await expect(limited.signUse(licenceId, call)).rejects.toMatchObject({ reason: 'LIMIT_EXCEEDED' });
  await expect(market.wallet.signUse(listing, call)).rejects.toMatchObject({ reason: 'LICENCE_UNKNOWN' });
  limited.close();
});

test('a shipped service is sold with the key of its owner, which the home has', async () => {
  const owner = ProviderKeys.open(market.home).owner(3).connect(market.chain.provider);
  await market.chain.provider.send('anvil_setBalance', [owner.address, '0xde0b6b3a7640000']);
  const minted = mintedAsset(await send(owner, market.chain.assets.mint({})), market.chain.deployment.assets);
  const terms = ['--kind', 'perpetual', '--price', '5'];
  expect(await json('licence', 'offer', String(minted), ...terms)).toMatchObject({ status: 'open' });
  expect((await run('licence', 'offer', asset(), ...terms)).err).toContain('PERMISSION_DENIED');
});

test.each([
  [['--kind', 'lease'], '--kind must be one of'],
  [['--kind', 'pass'], '--calls must say'],
  [['--kind', 'subscription'], '--days must say'],
  [['--kind', 'perpetual', '--refundable'], '--refundable needs --days'],
  [['--kind', 'subscription', '--days', '3', '--revocable'], '--revocable needs --refundable'],
  [['--kind', 'subscription', '--days', '999'], '--days must be a whole number from 1 to 366'],
])('what cannot be offered is told by its option: %s', async (terms, message) => {
  const { code, err } = await run('licence', 'offer', asset(), '--price', '1', ...terms, ...ownerKey);
  expect(code).not.toBe(0);
  expect(err).toContain(message);
});
