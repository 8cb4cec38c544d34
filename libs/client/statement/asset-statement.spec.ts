import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mintedAsset, type Parent } from '#contracts/assets.js';
import { send } from '#contracts/chain.js';
import { utcDay } from '#core/utc-day.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { audit } from '../audit/audit.js';
import { assetStatement } from './asset-statement.js';

let chain: Chain;
let data: bigint;
let model: bigint;
let service: bigint;
const all = { fromDay: 0, toDay: 2 ** 32 - 1 };

beforeAll(async () => {
  chain = await startChain();
  const mint = async (parents: Parent[] = []) => {
    const receipt = await send(chain.account(3), chain.assets.mint({ operator: randomBytes(20), parents }));
    return mintedAsset(receipt, chain.deployment.assets);
  };
  data = await mint();
  model = await mint([{ asset: data, bps: 2_000 }]);
  service = await mint([{ asset: model, bps: 3_000 }]);
  await earn(1_000n);
  await chain.advance(86_400);
  await earn(500n);
});
afterAll(() => chain?.stop());

async function earn(amount: bigint): Promise<void> {
  const payer = chain.account(6);
  await send(payer, chain.token.mint(payer.address, amount));
  await send(payer, chain.token.approve(chain.deployment.escrow, amount));
  await send(payer, chain.revenue.pay(service, 1, amount));
  for (const asset of [service, model]) await send(payer, chain.revenue.release(asset, 1));
}

const statement = async (asset: bigint, days = all, usage: Parameters<typeof assetStatement>[2] = []) => {
  const events = await chain.revenue.events(0, 'latest');
  const timeOf = async (block: number) => (await chain.provider.getBlock(block))!.timestamp;
  return await assetStatement(asset, days, usage, events, timeOf);
};

test('royalties are told by the day on which they were credited, and add up to the audit', async () => {
  const today = utcDay(await chain.nowSec());
  const { assets } = await audit({ provider: chain.provider, contracts: chain.deployment });
  for (const [asset, into, out] of [
    [data, [60n, 30n], [0n, 0n]],
    [model, [300n, 150n], [60n, 30n]],
    [service, [0n, 0n], [300n, 150n]],
  ] as const) {
    const days = await statement(asset);
    expect(days.map(({ day }) => day)).toEqual([today - 1, today]);
    expect(days.map(({ royaltiesIn }) => royaltiesIn)).toEqual(into);
    expect(days.map(({ royaltiesOut }) => royaltiesOut)).toEqual(out);
    const audited = assets.find((each) => each.asset === asset)!;
    expect(days.reduce((sum, { royaltiesIn }) => sum + royaltiesIn, 0n)).toBe(audited.royaltiesIn);
    expect(days.reduce((sum, { royaltiesOut }) => sum + royaltiesOut, 0n)).toBe(audited.royaltiesOut);
  }
});

test('they stand beside what was served on that day, and only in the days that are asked for', async () => {
  const today = utcDay(await chain.nowSec());
  const served = { day: today, asset: model, calls: 2n, units: 9n, amount: 77n };
  expect(await statement(model, { fromDay: today, toDay: today }, [served])).toEqual([
    { ...served, royaltiesIn: 150n, royaltiesOut: 30n },
  ]);
});
