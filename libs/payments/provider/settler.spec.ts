import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Wallet } from 'ethers';
import { send } from '#contracts/chain.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { type PaidService, publishEcho, SAY, startPaidService, text } from '#test/support/paid-service.js';
import { callPaid, openChannel, openChannels, type PayingChannel } from '#test/support/paying.js';
import { questions } from '#test/support/payments-questions.js';
import { startSettler } from '#test/support/settling.js';

describe('settler', () => {
  let chain: Chain;
  let service: PaidService;
  let operatorWallet: Wallet;
  let asset: bigint;
  const idle = { everyMs: 3_600_000 };

  beforeAll(async () => {
    chain = await startChain();
    const echo = await publishEcho(chain);
    ({ asset, operatorWallet } = echo);
    service = await startPaidService({ chain, databaseUrl: await createDatabase(), ...echo });
    await chain.fund(chain.account(2), 100_000_000n);
  });

  afterAll(async () => {
    await service?.stop();
    await chain?.stop();
  });

  const open = (lifeSec?: number) => openChannel(chain, chain.account(2), asset, 10_000n, lifeSec);
  const income = async () => (await chain.escrow.income(asset, 1)).earned;

  async function spend(channel: PayingChannel, calls: number, authorised?: bigint): Promise<void> {
    const request = text('paid');
    for (let i = 0; i < calls; i++) {
      const payment = channel.pay(service.call(SAY, request, 100n), authorised);
      expect((await callPaid(service.client, `/${SAY}`, request, payment)).error).toBeUndefined();
    }
  }

  /** The provider's ledger and the chain agree to the last unit. */
  async function expectSettled(channel: PayingChannel, amount: bigint): Promise<void> {
    expect((await chain.escrow.channel(channel.id)).claimed).toBe(amount);
    expect(await service.ledger.channel(channel.id)).toMatchObject({
      spent: amount,
      claimed: amount,
      unclaimedSinceSec: undefined,
    });
  }

  test('claims what was earned and not what was authorised', async () => {
    const channel = await open();
    await spend(channel, 3, 10_000n);
    const before = await income();
    const { settler, stop } = await startSettler(chain, service, operatorWallet, idle);
    const settlements = await settler.settleNow();
    expect(settlements).toMatchObject([{ asset, tenure: 1, amount: 300n }]);
    expect((await chain.provider.getTransactionReceipt(settlements[0]!.transaction))?.status).toBe(1);
    expect((await income()) - before).toBe(300n);
    await expectSettled(channel, 300n);
    expect(await settler.settleNow()).toEqual([]);
    await spend(channel, 1, 10_000n);
    expect(await settler.settleNow()).toMatchObject([{ amount: 100n }]);
    await expectSettled(channel, 400n);
    await stop();
  });

  test('claims 105 channels in two transactions', async () => {
    const channels = [
      ...(await openChannels(chain, chain.account(2), asset, 10_000n, 100)),
      ...(await openChannels(chain, chain.account(2), asset, 10_000n, 5)),
    ];
    await Promise.all(channels.map((channel) => spend(channel, 1)));
    const { settler, stop } = await startSettler(chain, service, operatorWallet, idle);
    const settlements = await settler.settleNow();
    expect(settlements).toHaveLength(105);
    expect(new Set(settlements.map(({ transaction }) => transaction)).size).toBe(2);
    for (const channel of channels) await expectSettled(channel, 100n);
    expect(await service.ledger.earnings()).toMatchObject([{ asset, tenure: 1 }]);
    await stop();
  });

  test('waits until a claim is worth it: by amount, by age, by nearness of the release', async () => {
    const settledBy = async (policy: { amount: bigint; ageSec: number; beforeReleaseSec: number }) => {
      const { settler, stop } = await startSettler(chain, service, operatorWallet, { everyMs: 10, policy });
      let rounds = 0;
      while (rounds++ < 20 && (await service.ledger.channels('unclaimed')).length > 0) await service.view.newestBlock();
      await settler.stop();
      await stop();
      return (await service.ledger.channels('unclaimed')).length === 0;
    };
    const never = { amount: 1_000_000n, ageSec: 1_000_000, beforeReleaseSec: 0 };
    const channel = await open(3_600);
    await spend(channel, 2);
    expect(await settledBy(never)).toBe(false);
    const until = async (policy: typeof never) => {
      const { settler, stop } = await startSettler(chain, service, operatorWallet, { everyMs: 10, policy });
      while ((await service.ledger.channels('unclaimed')).length > 0) await service.view.newestBlock();
      await settler.stop();
      await stop();
    };
    await until({ ...never, amount: 200n });
    await expectSettled(channel, 200n);
    await spend(channel, 1);
    await until({ ...never, ageSec: 0 });
    await expectSettled(channel, 300n);
    await spend(channel, 1);
    await until({ ...never, beforeReleaseSec: 7_200 });
    await expectSettled(channel, 400n);
  });

  test('T22 a claim that a reorg takes back is made again', async () => {
    const channel = await open();
    await spend(channel, 2);
    const { settler, stop } = await startSettler(chain, service, operatorWallet, { everyMs: 20 });
    await settler.settleNow();
    await chain.withoutMining(async () => {
      await chain.provider.send('anvil_reorg', [1, []]);
      expect((await chain.escrow.channel(channel.id)).claimed).toBe(0n);
    });
    while ((await chain.escrow.channel(channel.id)).claimed === 0n) await service.view.newestBlock();
    await settler.settleNow();
    await expectSettled(channel, 200n);
    await stop();
  });

  test('T29 two settlers of one key at once claim everything once', async () => {
    const channels = await openChannels(chain, chain.account(2), asset, 10_000n, 10);
    await Promise.all(channels.map((channel) => spend(channel, 1)));
    const before = await income();
    const [one, two] = await Promise.all([
      startSettler(chain, service, operatorWallet, idle),
      startSettler(chain, service, operatorWallet, idle),
    ]);
    const settlements = (await Promise.all([one.settler.settleNow(), two.settler.settleNow()])).flat();
    expect(settlements).toHaveLength(10);
    expect((await income()) - before).toBe(1_000n);
    for (const channel of channels) await expectSettled(channel, 100n);
    expect([...one.errors, ...two.errors]).toEqual([]);
    await one.stop();
    await two.stop();
  });

  test('a channel that its payer closed with our agreement is done', async () => {
    const channel = await open();
    await spend(channel, 4);
    const { close } = await questions(service.client, channel).close(400n);
    const agreed = { spent: 400n, deadlineSec: Number(close!.deadlineSec), signature: close!.signature };
    await send(chain.account(2), chain.escrow.close(channel.terms, agreed));
    const { settler, stop } = await startSettler(chain, service, operatorWallet, idle);
    expect(await settler.settleNow()).toEqual([]);
    expect(await service.ledger.channel(channel.id)).toMatchObject({ state: 'CLOSED', spent: 400n, claimed: 400n });
    await stop();
  });

  test('T6 nothing is claimed of a channel past its release, and it says so', async () => {
    const own = await startChain();
    const echo = await publishEcho(own);
    const provider = await startPaidService({ chain: own, databaseUrl: await createDatabase(), ...echo });
    try {
      await own.fund(own.account(2), 1_000_000n);
      const channel = await openChannel(own, own.account(2), echo.asset, 10_000n, 3_600);
      const request = text('late');
      await callPaid(provider.client, `/${SAY}`, request, channel.pay(provider.call(SAY, request, 100n)));
      await own.advance(7_200);
      const { settler, errors, stop } = await startSettler(own, provider, echo.operatorWallet, idle);
      expect(await settler.settleNow()).toEqual([]);
      expect(await settler.settleNow()).toEqual([]);
      expect(errors.map(String)).toEqual([expect.stringContaining('past its release: 100 are lost')]);
      await stop();
    } finally {
      await provider.stop();
      await own.stop();
    }
  });
});
