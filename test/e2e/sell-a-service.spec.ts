import { join } from 'node:path';
import { Wallet } from 'ethers';
import { openKey } from '#cli/keys.js';
import { senderOf } from '#cli/signer.js';
import { send } from '#contracts/chain.js';
import { writeDeployment } from '#contracts/deployment.js';
import { fromHex, toHex } from '#core/hex.js';
import { SigningKey } from '#payments/signature.js';
import { writeFileAtomic } from '#platform/secrets.js';
import { ECHO, type EchoMarket, startEchoMarket } from '#test/support/echo-market.js';
import { cliOf } from '#test/support/economy-home.js';
import { startSettler } from '#test/support/settling.js';
import { tempDir } from '#test/support/temp-dir.js';

const PRICE = 5_000_000n;
const DAY = 86_400;
/** What a call of Say costs. */
const SAY = 100n;

describe('a service that is sold', () => {
  let market: EchoMarket;
  let cli: ReturnType<typeof cliOf>;
  let sellerFile: string;
  let offerFile: string;
  let seller: string;
  const alice = () => openKey(market.home, 'alice', '--as');
  const robot = () => openKey(market.home, 'alice-robot', '--as');
  const say = (...argv: string[]) => cli.json('call', 'echo', 'Say', '{"text":"hello"}', ...argv);

  beforeAll(async () => {
    market = await startEchoMarket();
    const { chain, home, echo } = market;
    await writeDeployment(join(home, 'contracts.json'), chain.deployment);
    cli = cliOf(home);
    const folder = tempDir();
    sellerFile = join(folder, 'seller.key');
    offerFile = join(folder, 'offer.json');
    writeFileAtomic(sellerFile, market.market.owner.privateKey);
    seller = market.market.owner.address.toLowerCase();
    const prices = { Say: '100', Count: '3/10 character, max 60', Peek: 'free' };
    const offer = { service: ECHO, endpoints: [`grpc://${echo.app.address}`], prices, title: 'Echo' };
    writeFileAtomic(offerFile, JSON.stringify(offer));
  });
  afterAll(() => market?.stop());

  it('earns for its seller until it is sold and for its buyer from then on, to the last unit', async () => {
    const { chain } = market;
    const asset = String(market.echo.asset);
    const soldFor = () => chain.token.balanceOf(seller);
    const hadSeller = await soldFor();

    // Earned and claimed before the sale, and earned before it but claimed after.
    await say();
    await cli.json('claim');
    await say();
    await cli.json('market', 'ask', asset, '--price', String(PRICE), '--as', sellerFile);
    const sale = await cli.json('market', 'buy', asset, '--price', String(PRICE), '--as', 'alice');
    expect(sale).toMatchObject({ seller, buyer: alice().address.toLowerCase(), price: String(PRICE), tenure: 1 });
    expect(await soldFor()).toBe(hadSeller + PRICE);
    expect(await chain.revenue.balanceOf(seller)).toBe(SAY);

    // The old listing is over: nobody pays by it, and its owner cannot put another in force.
    expect((await cli.refusal('call', market.echo.listing, 'Say', '{"text":"hello"}'))['reason']).toMatch(/LISTING/);
    const publish = ['publish', offerFile, '--asset', asset];
    expect(await cli.refusal(...publish, '--owner-key', sellerFile, '--operator-key', 'other')).toMatchObject({
      reason: 'PERMISSION_DENIED',
      details: { asset, owner: alice().address.toLowerCase() },
    });
    expect(await chain.assets.head(BigInt(asset))).toMatchObject({ tenure: 2, listingVersion: 0 });

    // The buyer serves it, with a key of his own.
    const operator = new SigningKey(fromHex(robot().privateKey, 'operator', 32));
    const served = await market.offer({}, operator, {
      owner: senderOf(alice(), chain.provider, chain.rpcUrl),
      asset: BigInt(asset),
    });
    expect(served.asset).toBe(BigInt(asset));
    await say();
    await say();

    // Each claims what was earned in his time.
    await cli.json('claim');
    const operatorWallet = new Wallet(robot().privateKey, chain.provider);
    await chain.provider.send('anvil_setBalance', [operatorWallet.address, '0xde0b6b3a7640000']);
    const settling = await startSettler(chain, { ...served, listing: served.listed }, operatorWallet);
    await settling.settler.settleNow();
    await settling.stop();
    for (const tenure of [1, 2]) await send(chain.account(7), chain.revenue.release(BigInt(asset), tenure));
    expect(await chain.revenue.balanceOf(seller)).toBe(2n * SAY);
    expect(await chain.revenue.balanceOf(alice().address)).toBe(2n * SAY);
    expect(await cli.json('asset', 'show', asset)).toMatchObject({
      tenures: [
        { tenure: 1, owner: seller, earned: '200', waiting: '0' },
        { tenure: 2, owner: alice().address.toLowerCase(), earned: '200', waiting: '0' },
      ],
    });
    expect(await cli.json('audit')).toMatchObject({
      balanced: true,
      assets: [{ asset, owner: alice().address.toLowerCase(), earned: '400', released: '400', waiting: '0' }],
    });

    // And from the command line the buyer changes what he offers.
    const keys = ['--owner-key', 'alice', '--operator-key', 'alice-robot'];
    const changed = await cli.json(...publish, ...keys, '--price', 'Say=70');
    expect(changed).toMatchObject({ asset, isNew: true, record: { version: 2 } });
    expect(toHex((await chain.assets.head(BigInt(asset))).listing)).toBe(changed['listing']);
  });

  it('is offered by the operator whom holders of its shares named, at prices within their bounds', async () => {
    const { chain } = market;
    const asset = String(market.echo.asset);
    const govern = (...argv: string[]) => cli.json('govern', ...argv, '--asset', asset, '--as', 'alice');
    await cli.json('shares', 'issue', asset, '--supply', '100');
    await govern('delegate');
    await chain.advance(1);
    const helper = openKey(market.home, 'helper', '--as').address;
    const publish = ['publish', offerFile, '--asset', asset, '--operator-key', 'helper'];
    expect(await cli.refusal(...publish)).toMatchObject({
      reason: 'PERMISSION_DENIED',
      message: expect.stringContaining('npx weft govern propose-operator'),
    });
    await cli.json('govern', 'propose-operator', asset, helper, '--as', 'alice');
    await cli.json('govern', 'propose-bounds', asset, '0', '100', '--as', 'alice');
    const each = async (what: string, ...more: string[]) => {
      for (const number of ['1', '2']) await govern(what, number, ...more);
    };
    await chain.advance(DAY + 1);
    await each('vote', 'for');
    await chain.advance(3 * DAY);
    await each('queue');
    await chain.advance(DAY);
    await each('execute');
    expect(await cli.refusal(...publish, '--price', 'Say=101')).toMatchObject({
      reason: 'INVALID_INPUT',
      details: { revert: 'PriceOutOfBounds', cost: '101', highest: '100' },
    });
    const published = await cli.json(...publish);
    expect(published).toMatchObject({ asset, isNew: true, record: { version: 1, title: 'Echo' } });
    expect(await chain.assets.head(BigInt(asset))).toMatchObject({
      tenure: 3,
      operator: fromHex(helper, 'helper', 20),
    });
    expect(await cli.json('describe', asset)).toMatchObject({ listing: published['listing'] });
  });
});
