import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { HDNodeWallet, Wallet } from 'ethers';
import { send } from '#contracts/chain.js';
import { connectChain } from '#contracts/chain-provider.js';
import type { LicenceOffer } from '#contracts/licences.js';
import { toHex } from '#core/hex.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { buyLicence, callLicensed, type HeldLicence, licensedCall } from '#test/support/licensing.js';
import { type PaidService, publishEcho, SAY, startPaidService, text } from '#test/support/paid-service.js';
import { startRpcProxy } from '#test/support/rpc-proxy.js';
import { startSettler } from '#test/support/settling.js';

const DAY = 86_400;

describe('settling licences', () => {
  let chain: Chain;
  let service: PaidService;
  let owner: HDNodeWallet;
  let buyer: HDNodeWallet;
  let operatorWallet: Wallet;
  let settling: Awaited<ReturnType<typeof startSettler>>;

  beforeAll(async () => {
    chain = await startChain();
    [owner, buyer] = [chain.account(1), chain.account(2)];
    const echo = await publishEcho(chain);
    ({ operatorWallet } = echo);
    service = await startPaidService({ chain, databaseUrl: await createDatabase(), ...echo });
    settling = await startSettler(chain, service, operatorWallet, { everyMs: 3_600_000 });
  });

  afterAll(async () => {
    await settling?.stop();
    await service?.stop();
    await chain?.stop();
  });

  const buy = (change: Partial<LicenceOffer>) =>
    buyLicence(chain, { owner, buyer, listing: service.listing }, { refundable: true, ...change });
  const earned = async () => await chain.revenue.balanceOf(owner.address);

  async function use(licence: HeldLicence, uses?: bigint, at = service): Promise<void> {
    const request = text('used');
    const payment = licence.use(licensedCall(at.listing, SAY, request), uses);
    expect((await callLicensed(at.client, `/${SAY}`, request, payment)).error).toBeUndefined();
  }

  test('claims the calls of a pass that were served, not those that were signed for, and pays its owner', async () => {
    const pass = await buy({ kind: 'pass', calls: 10n, price: 1_000n });
    const before = await earned();
    await use(pass, 7n);
    await use(pass, 7n);
    await use(pass, 7n);
    const settlements = await settling.settler.settleNow();
    expect(settlements).toMatchObject([{ asset: service.listing.asset, tenure: 1, channel: undefined, amount: 300n }]);
    expect((await earned()) - before).toBe(300n);
    expect(await chain.licences.state(pass.id)).toMatchObject({ uses: 3n, callsLeft: 7n });
    expect(await service.ledger.licences.licence(pass.id)).toMatchObject({ spent: 3n, claimed: 3n });
    expect(await settling.settler.settleNow()).toEqual([]);
    await use(pass, 8n);
    expect(await settling.settler.settleNow()).toMatchObject([{ amount: 100n }]);
    expect(settling.errors).toEqual([]);
  });

  test('claims many passes in one transaction', async () => {
    const passes: HeldLicence[] = [];
    for (let i = 0; i < 5; i++) passes.push(await buy({ kind: 'pass', calls: 2n, price: 10n }));
    for (const pass of passes) await use(pass);
    const nonce = await operatorWallet.getNonce();
    expect(await settling.settler.settleNow()).toMatchObject([{ amount: 25n }]);
    expect((await operatorWallet.getNonce()) - nonce).toBe(2); // the claim and the push
  });

  test('claims a pass by itself once its calls are worth it, and none that has nothing more to earn', async () => {
    const policy = { amount: 250n, ageSec: 30 * DAY, beforeReleaseSec: 0 };
    const claiming = await startSettler(chain, service, operatorWallet, { everyMs: 20, policy });
    const [dear, cheap, owned] = [
      await buy({ kind: 'pass', calls: 10n, price: 1_000n }),
      await buy({ kind: 'pass', calls: 10n, price: 10n }),
      await buy({ kind: 'pass', calls: 3n, price: 1_000n, refundable: false }), // all of it was earned when it was sold
    ];
    const rowOf = async ({ id }: HeldLicence) => (await service.ledger.licences.licence(id))!;
    for (const each of [cheap, owned, dear]) await use(each);
    for (const each of [cheap, owned, dear]) await use(each);
    const worths = (await Promise.all([dear, cheap, owned].map(rowOf))).map(({ worth }) => worth);
    expect(worths).toEqual([200n, 2n, 0n]);
    await use(dear);
    while ((await rowOf(dear)).claimed < 3n) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await rowOf(dear)).toMatchObject({ spent: 3n, worth: 0n });
    const counts = (await chain.licences.events(0, 'latest')).filter(({ name }) => name === 'Counted');
    const ofThese = counts.filter(
      (event) => 'licenceId' in event && [dear, cheap, owned].some(({ id }) => toHex(id) === toHex(event.licenceId)),
    );
    expect(ofThese).toMatchObject([{ uses: 3n }]); // once, when it was worth 300
    expect(claiming.errors).toEqual([]);
    await claiming.stop();
  });

  test('T23 claims and sends on while the second node is away, also when a pass was claimed and that is not recorded', async () => {
    const wire = await startRpcProxy(chain.rpcUrl);
    const witness = await connectChain(wire.url);
    const echo = await publishEcho(chain);
    const watched = await startPaidService({ chain, databaseUrl: await createDatabase(), ...echo, witness });
    const claiming = await startSettler(chain, watched, echo.operatorWallet, { everyMs: 3_600_000 });
    try {
      const passes: HeldLicence[] = [];
      for (let i = 0; i < 2; i++) {
        const offer: Partial<LicenceOffer> = { kind: 'pass', calls: 2n, price: 20n, refundable: true };
        const pass = await buyLicence(chain, { owner, buyer, listing: echo.listing }, offer);
        passes.push(pass);
        wire.decide(() => 'pass');
        await use(pass, undefined, watched);
        wire.decide(() => 'lose answer');
        expect(await claiming.settler.settleNow()).toMatchObject([{ channel: undefined, amount: 10n }]);
        expect(await chain.licences.state(pass.id)).toMatchObject({ uses: 1n });
      }
      wire.decide(() => 'pass');
      await claiming.settler.settleNow();
      for (const { id } of passes) expect(await watched.ledger.licences.licence(id)).toMatchObject({ claimed: 1n });
    } finally {
      await claiming.stop();
      await watched.stop();
      witness.destroy();
    }
  });

  test('sends on what a subscription has earned by time', async () => {
    const subscription = await buy({ price: 1_000n, spanSec: 10 * DAY });
    await use(subscription);
    await settling.settler.settleNow();
    const before = await earned();
    await chain.advance(5 * DAY);
    await settling.settler.settleNow();
    const half = (await earned()) - before;
    expect(half).toBeGreaterThanOrEqual(490n);
    expect(half).toBeLessThanOrEqual(510n);
    await send(buyer, chain.licences.refund(subscription.id));
    const refunded = await chain.licences.refundsOf(buyer.address);
    expect(refunded + half).toBeGreaterThanOrEqual(990n);
    expect(refunded + half).toBeLessThanOrEqual(1_000n);
  });
});
