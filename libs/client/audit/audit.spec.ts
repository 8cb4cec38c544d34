import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mintedAsset, type Parent } from '#contracts/assets.js';
import { mined, send } from '#contracts/chain.js';
import { toHex } from '#core/hex.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { audit } from './audit.js';

describe('an audit', () => {
  let chain: Chain;
  const [DATA, MODEL, SERVICE] = [3, 4, 5];
  let data: bigint;
  let model: bigint;
  let service: bigint;

  const mint = async (owner: number, parents: Parent[] = []) => {
    const key = chain.account(owner);
    const receipt = await send(key, chain.assets.mint({ operator: randomBytes(20), parents }));
    return mintedAsset(receipt, chain.deployment.assets);
  };
  const pay = async (asset: bigint, amount: bigint) => {
    const payer = chain.account(6);
    await send(payer, chain.token.mint(payer.address, amount));
    await send(payer, chain.token.approve(chain.deployment.escrow, amount));
    await send(payer, chain.revenue.pay(asset, 1, amount));
  };
  const audited = (ledger: { asset: bigint; tenure: number; claimed: bigint }[] = []) =>
    audit({ provider: chain.provider, contracts: chain.deployment, ledger });

  beforeAll(async () => {
    chain = await startChain();
    data = await mint(DATA);
    model = await mint(MODEL, [{ asset: data, bps: 2_000 }]);
    service = await mint(SERVICE, [{ asset: model, bps: 3_000 }]);
  });
  afterAll(() => chain?.stop());

  it('of nothing earned balances', async () => {
    const { balanced, assets } = await audited();
    expect(balanced).toBe(true);
    expect(assets.map(({ asset, earned }) => [asset, earned])).toEqual([data, model, service].map((id) => [id, 0n]));
  });

  it('tells where income went, level by level, to the last unit', async () => {
    await pay(service, 1_001n);
    await send(chain.account(6), chain.revenue.release(model, 1));
    const { balanced, differences, assets } = await audited();
    expect(differences).toEqual([]);
    expect(balanced).toBe(true);
    const none = { earned: 0n, fee: 0n, released: 0n, royaltiesIn: 0n, royaltiesOut: 0n, waiting: 0n };
    const owner = (n: number) => Buffer.from(chain.account(n).address.slice(2), 'hex');
    expect(assets.map((each) => ({ ...each, owner: toHex(each.owner) }))).toEqual([
      { ...none, asset: data, owner: toHex(owner(DATA)), royaltiesIn: 60n, waiting: 60n },
      { ...none, asset: model, owner: toHex(owner(MODEL)), royaltiesIn: 300n, royaltiesOut: 60n, released: 240n },
      { ...none, asset: service, owner: toHex(owner(SERVICE)), earned: 1_001n, royaltiesOut: 300n, released: 701n },
    ]);
  });

  it('still balances when owners have withdrawn and somebody gave the escrow a present', async () => {
    const owner = chain.account(SERVICE);
    await send(owner, chain.revenue.withdraw(700n, owner.address));
    await send(owner, chain.token.mint(chain.deployment.escrow, 5n));
    expect((await audited()).differences).toEqual([]);
  });

  it('names what a ledger says otherwise', async () => {
    expect(await audited([{ asset: service, tenure: 1, claimed: 7n }])).toMatchObject({
      balanced: false,
      differences: [
        {
          where: `asset ${service}, tenure 1`,
          what: "claimed, in the provider's ledger",
          expected: 0n,
          found: 7n,
        },
      ],
    });
  });

  it('names money that is not where it should be', async () => {
    // As a contract with a fault would: its storage changes and no event tells of it.
    const slot = await balanceSlot(chain, chain.account(MODEL).address);
    await chain.provider.send('anvil_setStorageAt', [chain.deployment.revenue, slot, `0x${'0'.repeat(63)}1`]);
    const { balanced, differences } = await audited();
    expect(balanced).toBe(false);
    expect(differences).toMatchObject([{ what: 'in Revenue', expected: 240n, found: 1n }]);
  });

  it('names tokens that are not there', async () => {
    const { escrow } = chain.deployment;
    await chain.provider.send('anvil_impersonateAccount', [escrow]);
    await chain.provider.send('anvil_setBalance', [escrow, '0xde0b6b3a7640000']);
    const { to, data } = chain.token.transfer(toHex(randomBytes(20)), 6n);
    const hash = await chain.provider.send('eth_sendTransaction', [{ from: escrow, to, data }]);
    await mined((await chain.provider.getTransaction(hash))!);
    const { balanced, differences } = await audited();
    expect(balanced).toBe(false);
    // Less the present of 5.
    const missing = differences.find(({ where }) => where === 'Escrow');
    expect(missing).toMatchObject({ what: 'tokens that it holds' });
    expect(missing!.expected - missing!.found).toBe(1n);
  });
});

/** Where Revenue keeps what an owner may withdraw: found by trying, so that the layout may change. */
async function balanceSlot(chain: Chain, owner: string): Promise<string> {
  const { AbiCoder, keccak256, zeroPadValue } = await import('ethers');
  for (let position = 0; position < 10; position++) {
    const slot = keccak256(AbiCoder.defaultAbiCoder().encode(['address', 'uint256'], [owner, position]));
    const value = await chain.provider.getStorage(chain.deployment.revenue, slot);
    if (BigInt(value) === (await chain.revenue.balanceOf(owner))) return zeroPadValue(slot, 32);
  }
  throw new Error('no slot holds the balance');
}
