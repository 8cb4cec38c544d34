import { send } from '#contracts/chain.js';
import { Token } from '#contracts/token.js';
import type { Chain } from '#test/support/chain.js';
import { earn } from '#test/support/earning.js';
import { startEconomyHome } from '#test/support/economy-home.js';
import { deployPlainToken } from '#test/support/plain-token.js';
import { openKey } from '../keys.js';

const DAY = 86_400;

let economy: Awaited<ReturnType<typeof startEconomyHome>>;
let chain: Chain;
let home: string;
beforeAll(async () => {
  economy = await startEconomyHome();
  ({ chain, home } = economy);
  address('owner');
});
afterAll(() => chain?.stop());

const run = (...argv: string[]) => economy.run(...argv);
const json = (...argv: string[]) => economy.json(...argv);
const refusal = (...argv: string[]) => economy.refusal(...argv);
const address = (name: string) => openKey(home, name, name).address.toLowerCase();
const mint = async (...argv: string[]) => String((await json('asset', 'mint', ...argv))['asset']);

describe('asset', () => {
  test('is minted with its parents and terms, shown, and passed on', async () => {
    const parent = await mint('--royalty', '10%', '--as', 'maker');
    const made = await json('asset', 'mint', '--parent', `${parent}=12.5%`, '--sale-royalty', '5%');
    const asset = String(made['asset']);
    expect(made).toMatchObject({ owner: address('owner'), parents: [{ asset: parent, bps: 1_250 }], saleBps: 500 });
    expect(await json('asset', 'show', asset)).toMatchObject({
      asset,
      owner: address('owner'),
      shares: null,
      tenure: 1,
      terms: { royaltyBps: 0, saleBps: 500, depth: 1 },
      parents: [{ asset: parent, bps: 1_250 }],
      tenures: [{ tenure: 1, owner: address('owner'), earned: '0', waiting: '0' }],
    });
    const { out } = await run('asset', 'show', asset);
    expect(out).toContain(`built on  asset ${parent} (12.5%)`);
    expect(out).toContain('5% of its price when it is sold');
    expect(await json('asset', 'transfer', asset, 'maker')).toMatchObject({ to: address('maker'), tenure: 2 });
    // The home has that key as well, and finds it.
    expect(await json('asset', 'transfer', asset, address('owner'))).toMatchObject({
      from: address('maker'),
      tenure: 3,
    });
    const { tenures } = (await json('asset', 'show', asset)) as { tenures: { owner: string }[] };
    expect(tenures.map(({ owner }) => owner)).toEqual(['owner', 'maker', 'owner'].map(address));
  });

  test.each([
    ['an id that is none', ['show', 'x'], 'INVALID_INPUT', 'whole number'],
    ['an asset that is not there', ['show', '999'], 'NOT_FOUND', 'there is no asset 999'],
    ['a parent that is not there', ['mint', '--parent', '999=1%'], 'INVALID_INPUT', 'asset 999 cannot be a parent'],
    ['parents that want more than all', ['mint', '--parent', '1=60%', '--parent', '2=41%'], 'INVALID_INPUT', '101 %'],
    ['less than a parent wants', ['mint', '--parent', '1=9.99%'], 'INVALID_INPUT', 'at least 10 %'],
    ['a share without a percent sign', ['mint', '--royalty', '5'], 'INVALID_INPUT', '"2.5%"'],
    ['a name that nobody has', ['transfer', '1', 'nobdy'], 'INVALID_INPUT', 'nobdy'],
    ['somebody who is not the owner', ['transfer', '1', 'owner', '--as', 'stranger'], 'PERMISSION_DENIED', 'asset 1'],
  ])('%s is refused', async (_what, argv, reason, message) => {
    const count = await chain.assets.count();
    const error = await refusal('asset', ...argv);
    expect(error).toMatchObject({ reason, message: expect.stringContaining(message) });
    expect(await chain.assets.count()).toBe(count);
  });

  test('of somebody whose key is elsewhere is left alone, and it is said whose it is', async () => {
    const other = chain.account(4).address;
    const asset = await mint();
    await json('asset', 'transfer', asset, other);
    for (const argv of [
      ['asset', 'transfer', asset, 'owner'],
      ['market', 'ask', asset, '--price', '5'],
      ['shares', 'issue', asset, '--supply', '5'],
    ])
      expect(await refusal(...argv)).toMatchObject({
        reason: 'PERMISSION_DENIED',
        details: { owner: other.toLowerCase() },
        message: expect.stringContaining('--as'),
      });
  });
});

describe('asset collect', () => {
  test('pays each owner what was earned in his time, and a stranger nothing', async () => {
    const robot = openKey(home, 'first-robot', 'robot').connect(chain.provider);
    await chain.provider.send('anvil_setBalance', [robot.address, '0xde0b6b3a7640000']);
    const asset = await mint('--operator', 'first-robot', '--as', 'dora');
    const balance = (who: string) => chain.token.balanceOf(address(who));
    await earn(chain, chain.account(6), robot, { asset: BigInt(asset), tenure: 1, amount: 90n });
    await json('asset', 'transfer', asset, address('erik'));
    expect(await json('asset', 'collect', asset)).toMatchObject({
      owner: address('erik'),
      amount: '0',
      transaction: null,
    });
    expect(await json('asset', 'collect', asset, '--as', 'dora')).toMatchObject({ amount: '90', to: address('dora') });
    expect(await balance('dora')).toBe(90n);
    expect(await refusal('asset', 'collect', asset, '--as', 'fred')).toMatchObject({ reason: 'PERMISSION_DENIED' });
    expect(await balance('erik')).toBe(0n);
  });
});

describe('market', () => {
  test('an asset is sold at what is asked, royalty paid, and its old owner can do nothing with it', async () => {
    const asset = await mint('--sale-royalty', '10%', '--as', 'maker');
    await json('asset', 'transfer', asset, 'owner');
    const asked = await json('market', 'ask', asset, '--price', '2000000', '--for', '1d');
    expect(asked).toMatchObject({ seller: address('owner'), price: '2000000', token: chain.deployment.token });
    expect(await json('market', 'asks', asset)).toEqual({
      offers: [expect.objectContaining({ kind: 'ask', asset, owner: address('owner'), price: '2000000', tenure: 2 })],
    });
    expect((await run('market', 'asks')).out).toMatch(/^ASSET +WHAT +PRICE +TOKEN +BY +UNTIL\n/);
    expect(await refusal('market', 'buy', asset, '--price', '1999999', '--as', 'alice')).toMatchObject({
      reason: 'WRONG_TERMS',
      details: { price: '2000000' },
    });
    const sold = await json('market', 'buy', asset, '--price', '2000000', '--as', 'alice');
    expect(sold).toMatchObject({
      seller: address('owner'),
      buyer: address('alice'),
      price: '2000000',
      royalty: '200000',
    });
    expect(await chain.token.balanceOf(address('owner'))).toBe(1_800_000n);
    expect(await chain.token.balanceOf(address('maker'))).toBe(200_000n);
    expect(await json('asset', 'show', asset)).toMatchObject({ owner: address('alice'), tenure: 3 });
    expect(await refusal('market', 'ask', asset, '--price', '1', '--as', 'owner')).toMatchObject({
      reason: 'PERMISSION_DENIED',
    });
    expect(await refusal('market', 'buy', asset, '--price', '2000000', '--as', 'bob')).toMatchObject({
      reason: 'NOT_FOUND',
    });
  });

  test('sells in a token that has no permits, and gives nobody any of it', async () => {
    const rich = chain.account(5);
    const plain = new Token(await deployPlainToken(rich), chain.provider);
    const asset = await mint();
    await json('market', 'ask', asset, '--price', '70', '--token', plain.address);
    // Seventy of what? Nobody pays in another token than he named.
    expect(await refusal('market', 'buy', asset, '--price', '70', '--as', 'alice')).toMatchObject({
      reason: 'WRONG_TERMS',
      details: { token: plain.address },
    });
    const buy = ['market', 'buy', asset, '--price', '70', '--token', plain.address, '--as', 'alice'];
    expect(await refusal(...buy)).toMatchObject({ reason: 'FUNDS_TOO_LOW', details: { balance: '0', needed: '70' } });
    await send(rich, plain.transfer(address('alice'), 75n));
    expect(await json(...buy)).toMatchObject({ token: plain.address });
    expect(await plain.balanceOf(address('owner'))).toBe(70n);
    expect(await plain.allowance(address('alice'), chain.deployment.market)).toBe(0n);
  });

  test('an offer is made, listed, accepted; another withdrawn, and nothing stays allowed', async () => {
    const asset = await mint();
    await send(chain.account(5), chain.token.mint(address('bob'), 1_000n));
    await json('market', 'offer', asset, '--price', '300', '--as', 'bob');
    const other = await mint();
    await json('market', 'offer', other, '--price', '40', '--as', 'bob');
    const allowed = () => chain.token.allowance(address('bob'), chain.deployment.market);
    expect(await allowed()).toBe(340n);
    expect(await json('market', 'asks', asset)).toMatchObject({
      offers: [{ kind: 'offer', buyer: address('bob'), price: '300' }],
    });
    await json('market', 'cancel', other, '--offer', '--as', 'bob');
    expect(await allowed()).toBe(300n);
    expect(await refusal('market', 'accept', asset, '--buyer', 'bob', '--price', '301')).toMatchObject({
      reason: 'WRONG_TERMS',
    });
    expect(await json('market', 'accept', asset, '--buyer', 'bob', '--price', '300')).toMatchObject({
      buyer: address('bob'),
      royalty: '0',
    });
    expect(await allowed()).toBe(0n);
    expect(await refusal('market', 'accept', other, '--buyer', 'bob', '--price', '40')).toMatchObject({
      reason: 'NOT_FOUND',
    });
  });

  test('what is cancelled or over is neither listed nor sold', async () => {
    const asset = await mint();
    await json('market', 'ask', asset, '--price', '5');
    await json('market', 'cancel', asset);
    expect(await refusal('market', 'cancel', asset)).toMatchObject({
      reason: 'NOT_FOUND',
      details: { revert: 'NotForSale' },
    });
    await json('market', 'ask', asset, '--price', '5', '--for', '60s');
    await chain.advance(61);
    expect((await run('market', 'asks', asset)).out).toBe('nothing is asked or offered\n');
    expect(await refusal('market', 'buy', asset, '--price', '5', '--as', 'alice')).toMatchObject({
      reason: 'NOT_FOUND',
    });
  });

  test.each([
    ['a price of nothing', ['ask', '1', '--price', '0'], '--price'],
    ['a price with a point', ['ask', '1', '--price', '1.5'], '--price'],
    ['a time without a unit', ['ask', '1', '--price', '1', '--for', '7'], '--for'],
    ['a token that is no address', ['ask', '1', '--price', '1', '--token', 'EUR'], '--token'],
  ])('%s is refused before anything is asked or sent', async (_what, argv, field) => {
    expect(await refusal('market', ...argv)).toMatchObject({ reason: 'INVALID_INPUT', details: { field } });
  });
});

describe('shares and govern', () => {
  test('an asset is divided; holders name its operator, bound its prices, and each collects his part', async () => {
    const asset = await mint();
    const issued = await json('shares', 'issue', asset, '--supply', '1000');
    expect(issued).toMatchObject({ asset, supply: '1000', holder: address('owner') });
    expect(await refusal('shares', 'issue', asset, '--supply', '5', '--as', 'owner')).toMatchObject({
      message: expect.stringContaining('has shares already'),
    });
    address('carol');
    await json('shares', 'transfer', asset, 'carol', '250');
    address('robot');
    expect(await refusal('govern', 'propose-operator', asset, 'robot')).toMatchObject({
      reason: 'PERMISSION_DENIED',
      details: { revert: 'GovernorInsufficientProposerVotes' },
    });
    expect(await json('govern', 'delegate', '--asset', asset)).toMatchObject({ votes: '750' });
    await chain.advance(1);
    const operator = await json('govern', 'propose-operator', asset, 'robot', '--because', 'it is awake');
    expect(operator).toMatchObject({ number: 1, description: `${address('robot')} as the operator: it is awake` });
    expect(await json('govern', 'propose-bounds', asset, '10', '500')).toMatchObject({ number: 2 });
    const both = async (...argv: string[]) => {
      for (const number of ['1', '2']) await json('govern', argv[0]!, number, ...argv.slice(1), '--asset', asset);
    };
    expect(await refusal('govern', 'vote', '1', 'for', '--asset', asset)).toMatchObject({
      message: expect.stringContaining('is pending'),
    });
    await chain.advance(DAY + 1);
    await both('vote', 'for');
    await chain.advance(3 * DAY);
    await both('queue');
    expect((await run('govern', 'show', '--asset', asset)).out).toMatch(
      /1 +queued +750 +0 +execute from .* setOperator\(operator 0x/,
    );
    await chain.advance(DAY);
    await both('execute');
    expect(await json('govern', 'show', '2', '--asset', asset)).toMatchObject({
      threshold: '10',
      proposals: [{ state: 'executed', does: ['setBounds(lowest 10, highest 500)'] }],
    });
    const robot = openKey(home, 'robot', 'robot').connect(chain.provider);
    await chain.provider.send('anvil_setBalance', [robot.address, '0xde0b6b3a7640000']);
    await earn(chain, chain.account(6), robot, { asset: BigInt(asset), tenure: 2, amount: 800n });
    expect(await json('shares', 'collect', asset, '--as', 'carol')).toMatchObject({ amount: '200' });
    expect(await chain.token.balanceOf(address('carol'))).toBe(200n);
    expect(await json('shares', 'collect', asset, '--as', 'carol')).toMatchObject({ amount: '0', transaction: null });
    expect(await json('shares', 'show', asset)).toMatchObject({
      shares: issued['shares'],
      supply: '1000',
      bounds: { lowest: '10', highest: '500' },
      operator: address('robot'),
      holders: [
        { holder: address('owner'), held: '750', votes: '750', owed: '600' },
        { holder: address('carol'), held: '250', votes: '0', owed: '0' },
      ],
    });
    expect((await run('shares', 'show', asset)).out).toContain('may cost 10 to 500');
    expect(await refusal('shares', 'redeem', asset)).toMatchObject({
      details: { revert: 'NotAllShares', held: '750' },
    });
    await json('shares', 'transfer', asset, 'owner', '250', '--as', 'carol');
    expect(await json('shares', 'redeem', asset)).toMatchObject({ owner: address('owner') });
    expect(await json('asset', 'show', asset)).toMatchObject({ owner: address('owner'), shares: null, tenure: 3 });
  });

  test("the protocol's fee is set by its votes, and nobody else proposes one", async () => {
    address('treasurer');
    const propose = ['govern', 'propose-fee', '1.5%', '--treasury', 'treasurer'];
    expect(await refusal(...propose)).toMatchObject({ details: { revert: 'GovernorInsufficientProposerVotes' } });
    expect((await run('govern', 'show')).out).toContain('nothing is proposed');
    await json('govern', 'delegate', '--as', 'dev');
    await chain.advance(1);
    expect(await json(...propose, '--as', 'dev')).toMatchObject({ number: 1 });
    await chain.advance(DAY + 1);
    await json('govern', 'vote', '1', 'for', '--as', 'dev');
    await chain.advance(3 * DAY);
    expect(await json('govern', 'queue', '1')).toMatchObject({ state: 'queued' });
    await chain.advance(DAY);
    expect(await json('govern', 'execute', '1')).toMatchObject({ state: 'executed' });
    expect((await chain.revenue.fee()).bps).toBe(150);
  });

  test('who proposed takes it back before the vote begins, and nobody else, and not later', async () => {
    await json('govern', 'delegate', '--as', 'dev');
    const propose = (why: string) =>
      json('govern', 'propose-fee', '2%', '--treasury', 'owner', '--because', why, '--as', 'dev');
    const [{ number: first }, { number: second }] = [await propose('a slip'), await propose('meant')];
    expect(await refusal('govern', 'cancel', String(first))).toMatchObject({
      reason: 'PERMISSION_DENIED',
      message: expect.stringContaining('only its proposer can, and only before the vote begins'),
    });
    expect(await run('govern', 'cancel', String(first), '--as', 'dev')).toMatchObject({
      code: 0,
      out: `proposal ${first} is canceled\n`,
    });
    expect(await json('govern', 'show', String(first))).toMatchObject({ proposals: [{ state: 'canceled' }] });
    await chain.advance(DAY + 1);
    expect(await refusal('govern', 'vote', String(first), 'for', '--as', 'dev')).toMatchObject({
      message: expect.stringContaining('is canceled'),
    });
    expect(await refusal('govern', 'cancel', String(second), '--as', 'dev')).toMatchObject({
      details: { revert: 'GovernorUnableToCancel' },
    });
  });

  test.each([
    ['a fee above what there may ever be', ['propose-fee', '5.01%', '--treasury', 'owner'], 'share'],
    ['a support that is none', ['vote', '1', 'yes'], 'support'],
    ['a proposal that is none', ['vote', '77', 'for'], 'proposal'],
    ['bounds the wrong way round', ['propose-bounds', '1', '5', '4'], 'lowest'],
  ])('%s is refused by name', async (_what, argv, field) => {
    expect(await refusal('govern', ...argv)).toMatchObject({ details: { field } });
  });

  test('an asset without shares has nothing to show or vote about', async () => {
    const asset = await mint();
    for (const argv of [
      ['shares', 'show', asset],
      ['govern', 'show', '--asset', asset],
    ])
      expect(await refusal(...argv)).toMatchObject({
        reason: 'NOT_FOUND',
        message: expect.stringContaining('has no shares'),
      });
  });
});
