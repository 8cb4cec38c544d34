import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Wallet } from 'ethers';
import { Anchor } from '#contracts/anchor.js';
import { send } from '#contracts/chain.js';
import { reportUnits } from '#paywall/units.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import {
  FLOW,
  type PaidService,
  publishEcho,
  SAY,
  startPaidService,
  text,
  textOf,
} from '#test/support/paid-service.js';
import { callPaid, openChannel, type PayingChannel, streamPaid } from '#test/support/paying.js';
import { startSettler } from '#test/support/settling.js';
import type { AnchorPolicy } from './anchorer.js';

describe('anchoring', () => {
  let chain: Chain;
  let anchor: Anchor;
  let service: PaidService;
  let operatorWallet: Wallet;
  let asset: bigint;
  let channel: PayingChannel;
  const idle = { everyMs: 3_600_000 };
  const never: AnchorPolicy = { receipts: 1_000_000, ageSec: 1_000_000 };

  let endStream: () => void;
  const streamEnds = new Promise<void>((resolve) => {
    endStream = resolve;
  });

  beforeAll(async () => {
    chain = await startChain();
    anchor = new Anchor(chain.deployment.anchor, chain.provider);
    const echo = await publishEcho(chain);
    ({ asset, operatorWallet } = echo);
    const handlers = {
      async *flow(words: string) {
        reportUnits(words.length);
        yield words;
        await streamEnds;
      },
    };
    service = await startPaidService({ chain, databaseUrl: await createDatabase(), ...echo, handlers });
    await chain.fund(chain.account(2), 100_000_000n);
    channel = await openChannel(chain, chain.account(2), asset, 1_000_000n);
  });
  afterAll(async () => {
    await service?.stop();
    await chain?.stop();
  });

  async function serve(calls: number) {
    const request = text('served');
    const leaves: { callId: Uint8Array; receiptDigest: Uint8Array; amount: bigint }[] = [];
    for (let i = 0; i < calls; i++) {
      const { receipt } = await callPaid(
        service.client,
        `/${SAY}`,
        request,
        channel.pay(service.call(SAY, request, 100n)),
      );
      leaves.push({
        callId: receipt!.callId,
        receiptDigest: channel.hashOfReceipt(receipt!),
        amount: receipt!.amount,
      });
    }
    return leaves;
  }

  /** The contract itself finds the receipt under the epoch in which the ledger has it. */
  async function expectProvable(leaves: Awaited<ReturnType<typeof serve>>, epoch: bigint): Promise<void> {
    for (const leaf of leaves) {
      const place = await service.ledger.epochs.place({ account: channel.id, callId: leaf.callId });
      if (place?.state !== 'anchored') throw new Error('the receipt is not anchored');
      expect(place.epoch.number).toBe(epoch);
      expect(await anchor.verify(asset, 1, epoch, leaf, place.siblings)).toBe(true);
    }
  }

  const settling = (policy: AnchorPolicy, everyMs = idle.everyMs) =>
    startSettler(chain, service, operatorWallet, { everyMs, anchoring: { anchor, policy } });
  const until = async (done: () => Promise<boolean>) => {
    while (!(await done())) await service.view.newestBlock();
  };

  test('anchors all that was served since the last epoch, and nothing twice', async () => {
    const { settler, errors, stop } = await settling(never);
    const first = await serve(5);
    expect(await settler.anchorNow()).toMatchObject([{ asset, tenure: 1, epoch: 1n, receipts: 5n, amount: 500n }]);
    expect(await settler.anchorNow()).toEqual([]);
    const second = await serve(1);
    expect(await settler.anchorNow()).toMatchObject([{ epoch: 2n, receipts: 1n }]);
    await expectProvable(first, 1n);
    await expectProvable(second, 2n);
    expect(await anchor.epoch(asset, 1, 1n)).toMatchObject({ receipts: 5n, amount: 500n });
    expect(errors).toEqual([]);
    await stop();
  });

  test('by itself when there are enough receipts, or one is old enough, and not before', async () => {
    const epochs = () => anchor.epochs(asset, 1);
    const before = await epochs();
    await serve(3);
    const waits = await settling(never, 10);
    for (let i = 0; i < 20; i++) await service.view.newestBlock();
    await waits.stop();
    expect(await epochs()).toBe(before);
    const counts = await settling({ ...never, receipts: 3 }, 10);
    await until(async () => (await epochs()) === before + 1n);
    await counts.stop();
    await serve(1);
    const ages = await settling({ ...never, ageSec: 0 }, 10);
    await until(async () => (await epochs()) === before + 2n);
    await ages.stop();
  });

  test('T22 an epoch that a reorg takes back is anchored again, as it was', async () => {
    const { settler, stop } = await settling(never, 20);
    const leaves = await serve(2);
    const [anchored] = await settler.anchorNow();
    await chain.withoutMining(async () => {
      await chain.provider.send('anvil_reorg', [1, []]);
      expect(await anchor.epoch(asset, 1, anchored!.epoch)).toBeUndefined();
    });
    await until(async () => (await anchor.epoch(asset, 1, anchored!.epoch)) !== undefined);
    expect((await anchor.epoch(asset, 1, anchored!.epoch))!.root).toEqual(Uint8Array.from(anchored!.root));
    await expectProvable(leaves, anchored!.epoch);
    await stop();
  });

  test('T29 two settlers of one key at once anchor everything once', async () => {
    const leaves = await serve(4);
    const before = await anchor.epochs(asset, 1);
    const [one, two] = await Promise.all([settling(never), settling(never)]);
    const anchored = (await Promise.all([one.settler.anchorNow(), two.settler.anchorNow()])).flat();
    expect(anchored).toMatchObject([{ epoch: before + 1n, receipts: 4n }]);
    expect(await anchor.epochs(asset, 1)).toBe(before + 1n);
    await expectProvable(leaves, before + 1n);
    expect([...one.errors, ...two.errors]).toEqual([]);
    await one.stop();
    await two.stop();
  });

  test('an epoch whose place another ledger took with the same key comes after that', async () => {
    const number = (await anchor.epochs(asset, 1)) + 1n;
    const leaves = await serve(2);
    const epoch = await service.ledger.epochs.make({ asset, tenure: 1 }, number);
    expect(epoch).toMatchObject({ number, receipts: 2n });
    const foreign = { root: randomBytes(32), receipts: 1n, amount: 1n };
    await send(operatorWallet, anchor.anchor(asset, 1, number, foreign));
    const { settler, errors, stop } = await settling(never);
    expect(await settler.anchorNow()).toMatchObject([{ epoch: number + 1n, receipts: 2n }]);
    await expectProvable(leaves, number + 1n);
    expect(errors.map(String)).toEqual([expect.stringContaining(`these go into epoch ${number + 1n}`)]);
    await stop();
  });

  test('a stream that runs is anchored when it has ended', async () => {
    const request = text('words');
    const stream = streamPaid(service.client, `/${FLOW}`, request, channel.pay(service.call(FLOW, request, 1_000n)));
    const words = stream[Symbol.asyncIterator]();
    expect(textOf((await words.next()).value as Uint8Array)).toBe('words');
    const { settler, stop } = await settling(never);
    expect(await settler.anchorNow()).toEqual([]);
    endStream();
    while (!(await words.next()).done);
    expect((await stream.status).error).toBeUndefined();
    expect(await settler.anchorNow()).toMatchObject([{ receipts: 1n, amount: 5n }]);
    await stop();
  });
});
