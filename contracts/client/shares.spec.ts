import { randomBytes } from 'node:crypto';
import type { HDNodeWallet } from 'ethers';
import { fromHex, toHex } from '#core/hex.js';
import type { Price } from '#core/price.js';
import { hashListing, type Listing } from '#payments/typed-data.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { earn } from '#test/support/earning.js';
import { mintedAsset } from './assets.js';
import { send, type UnsignedTransaction } from './chain.js';
import { Governor, governorOf } from './governor.js';
import { deployShares, Shares, sharesOf } from './shares.js';
import { Votes } from './votes.js';

const DAY = 86_400;
const bytes20 = (address: string) => fromHex(address.toLowerCase(), 'address', 20);

describe('shares and votes on a real chain', () => {
  let chain: Chain;
  let [founder, friend, payer, stranger]: HDNodeWallet[] = [];
  beforeAll(async () => {
    chain = await startChain();
    [founder, friend, payer, stranger] = [1, 2, 3, 4].map((n) => chain.account(n));
  });
  afterAll(() => chain?.stop());

  /** Has it decided by `voter`, and executed by somebody who has no votes. */
  async function decide(governor: Governor, voter: HDNodeWallet, description: string, actions: UnsignedTransaction[]) {
    const proposal = { actions, description };
    await send(voter, governor.propose(proposal));
    const id = await governor.proposalId(proposal);
    expect(await governor.standing(id)).toMatchObject({ state: 'pending', dueAtSec: undefined });
    await chain.advance(DAY + 1);
    await send(voter, governor.vote(id, 'for'));
    await expect(send(voter, governor.vote(id, 'against'))).rejects.toMatchObject({
      reason: 'TRANSACTION_REVERTED',
      details: { revert: 'GovernorAlreadyCastVote' },
    });
    await expect(send(stranger!, governor.queue(proposal))).rejects.toMatchObject({
      message: expect.stringContaining('is active'),
      details: { revert: 'GovernorUnexpectedProposalState', proposalId: String(id) },
    });
    await chain.advance(3 * DAY);
    await send(stranger!, governor.queue(proposal));
    const { dueAtSec } = await governor.standing(id);
    expect(dueAtSec).toBeGreaterThan(await chain.nowSec());
    await expect(send(stranger!, governor.execute(proposal))).rejects.toMatchObject({
      details: { revert: 'TimelockUnexpectedOperationState' },
    });
    await chain.advance(DAY);
    await send(stranger!, governor.execute(proposal));
    expect(await governor.standing(id)).toMatchObject({ state: 'executed' });
    return id;
  }

  describe('an asset that belongs to many', () => {
    let asset: bigint;
    let shares: Shares;
    let governor: Governor;
    const operator = () => chain.account(5);

    beforeAll(async () => {
      asset = mintedAsset(await send(founder!, chain.assets.mint()), chain.deployment.assets);
      const made = await deployShares(founder!, chain.deployment, {
        asset,
        name: 'Shares of an echo',
        symbol: 'ECHO',
        supply: 1_000n,
        delaySec: DAY,
        periodSec: 3 * DAY,
        threshold: 10n,
        quorumPercent: 20,
      });
      shares = new Shares(made.shares, chain.provider);
      governor = await governorOf(await shares.controller(), chain.provider, 0);
      expect(governor.address).toBe(made.governor);
      expect((await governor.token()).toLowerCase()).toBe(made.shares);
      await send(founder!, chain.assets.safeTransfer(asset, founder!.address, shares.address));
    });

    it('gives all shares to who sent it, and is found by its owner', async () => {
      expect(await shares.balanceOf(founder!.address)).toBe(1_000n);
      const { provider, deployment: contracts } = chain;
      const owner = await chain.assets.ownerOf(asset);
      expect((await sharesOf(asset, owner, { provider, contracts }))?.address).toBe(toHex(owner));
      for (const other of [founder!.address, contracts.escrow, contracts.votes])
        expect(await sharesOf(asset, other, { provider, contracts })).toBeUndefined();
      expect(await sharesOf(asset + 1n, owner, { provider, contracts })).toBeUndefined();
    });

    it('names its operator and bounds its prices by a vote, and by nothing else', async () => {
      await send(founder!, shares.transfer(friend!.address, 250n));
      const actions = [shares.setOperator(operator().address), shares.setBounds({ lowest: 5n, highest: 50n })];
      for (const action of actions)
        await expect(send(founder!, action)).rejects.toMatchObject({
          reason: 'PERMISSION_DENIED',
          details: { revert: 'NotController' },
        });
      // Shares that nobody votes with propose nothing.
      await expect(send(founder!, governor.propose({ actions, description: 'x' }))).rejects.toMatchObject({
        reason: 'PERMISSION_DENIED',
        details: { revert: 'GovernorInsufficientProposerVotes', votes: '0', threshold: '10' },
      });
      await send(founder!, shares.delegate(founder!.address));
      expect(await shares.votesOf(founder!.address)).toBe(750n);
      expect(await shares.delegateOf(founder!.address)).toEqual(bytes20(founder!.address));
      await chain.advance(1);
      const id = await decide(governor, founder!, 'an operator, and prices that people can pay', actions);
      expect(toHex((await chain.assets.head(asset)).operator)).toBe(operator().address.toLowerCase());
      expect(await shares.bounds()).toEqual({ lowest: 5n, highest: 50n });
      const [proposal] = await governor.proposals(0);
      expect(proposal).toMatchObject({ id, proposer: bytes20(founder!.address) });
      expect(proposal?.actions.map(({ data }) => data)).toEqual(actions.map(({ data }) => data));
      expect(await governor.hasVoted(id, founder!.address)).toBe(true);
    });

    it('is published by its operator, within the bounds', async () => {
      const price = (rate: bigint): Price => ({
        method: 'a.v1.S/Do',
        kind: 'fixed',
        unit: '',
        rate,
        per: 1n,
        maxAmount: rate,
      });
      const listing = (rate: bigint): Listing => ({
        asset,
        tenure: 2,
        version: 1,
        previous: new Uint8Array(32),
        contractDigest: randomBytes(32),
        prices: [price(rate)],
        endpoints: ['grpc://127.0.0.1:1'],
        docsDigest: randomBytes(32),
        escrow: bytes20(chain.deployment.escrow),
        minChannel: 0n,
        honourSec: 3_600,
        retainSec: 86_400,
        publishedAtSec: 1,
      });
      await expect(send(operator(), shares.publish(listing(51n)))).rejects.toMatchObject({
        reason: 'INVALID_INPUT',
        details: { revert: 'PriceOutOfBounds', method: 'a.v1.S/Do', cost: '51', lowest: '5', highest: '50' },
      });
      await expect(send(founder!, shares.publish(listing(50n)))).rejects.toMatchObject({
        reason: 'PERMISSION_DENIED',
        details: { revert: 'NotOperator' },
      });
      const good = listing(50n);
      await send(operator(), shares.publish(good));
      expect(toHex((await chain.assets.head(asset)).listing)).toBe(toHex(hashListing(good)));
    });

    it('pays its holders by what they held when income came, however shares moved', async () => {
      const collect = async (amount: bigint) => {
        await earn(chain, payer!, operator(), { asset, tenure: 2, amount });
        await send(stranger!, chain.revenue.release(asset, 2));
        await send(stranger!, shares.collect());
      };
      await collect(1_000n); // 750 and 250
      await send(founder!, shares.transfer(friend!.address, 500n));
      await collect(400n); // 100 and 300
      await send(friend!, shares.transfer(stranger!.address, 750n));
      await collect(40n); // 10, none and 30
      const owed = () => Promise.all([founder!, friend!, stranger!].map(({ address }) => shares.owedTo(address)));
      expect(await owed()).toEqual([860n, 550n, 30n]);
      for (const [holder, amount] of [
        [founder!, 860n],
        [friend!, 550n],
      ] as const) {
        const before = await chain.token.balanceOf(holder.address);
        await send(holder, shares.withdraw(holder.address));
        expect(await chain.token.balanceOf(holder.address)).toBe(before + amount);
        await expect(send(holder, shares.withdraw(holder.address))).rejects.toMatchObject({
          details: { revert: 'NothingOwed' },
        });
      }
      expect(await owed()).toEqual([0n, 0n, 30n]);
      expect(await chain.token.balanceOf(shares.address)).toBe(30n);
    });

    it('goes back to who holds every share', async () => {
      await expect(send(stranger!, shares.redeem())).rejects.toMatchObject({
        details: { revert: 'NotAllShares', held: '750', supply: '1000' },
      });
      await send(founder!, shares.transfer(stranger!.address, 250n));
      await send(stranger!, shares.redeem());
      expect(toHex(await chain.assets.ownerOf(asset))).toBe(stranger!.address.toLowerCase());
      expect(await shares.totalSupply()).toBe(0n);
    });
  });

  describe("the protocol's fee", () => {
    it('is zero, is set by a vote alone, within its bound, and is taken from what calls earn', async () => {
      const { votes: token, governor: at } = chain.deployment;
      const votes = new Votes(token, chain.provider);
      const governor = new Governor(at, chain.provider);
      const deployer = chain.account(0);
      const treasury = chain.account(8).address;
      expect((await chain.revenue.fee()).bps).toBe(0);
      for (const who of [deployer, stranger!])
        await expect(send(who, chain.revenue.setFee(100, treasury))).rejects.toMatchObject({
          reason: 'PERMISSION_DENIED',
          details: { revert: 'NotGovernance' },
        });
      await send(deployer, votes.delegate(deployer.address));
      await chain.advance(1);
      await decide(governor, deployer, 'one percent for the treasury', [chain.revenue.setFee(100, treasury)]);
      expect(await chain.revenue.fee()).toEqual({ bps: 100, treasury: bytes20(treasury) });

      const asset = mintedAsset(
        await send(founder!, chain.assets.mint({ operator: chain.account(7).address })),
        chain.deployment.assets,
      );
      await earn(chain, payer!, chain.account(7), { asset, tenure: 1, amount: 5_000n });
      const before = await chain.revenue.balanceOf(founder!.address);
      await send(stranger!, chain.revenue.release(asset, 1));
      expect(await chain.revenue.balanceOf(treasury)).toBe(50n);
      expect(await chain.revenue.balanceOf(founder!.address)).toBe(before + 4_950n);
    });

    it('is not set above what the contract allows, whatever the votes', async () => {
      const governor = new Governor(chain.deployment.governor, chain.provider);
      const tooHigh = [chain.revenue.setFee(501, chain.account(8).address)];
      await expect(decide(governor, chain.account(0), 'five percent and a bit', tooHigh)).rejects.toMatchObject({
        reason: 'INVALID_INPUT',
        details: { revert: 'FeeTooHigh', bps: '501', max: '500' },
      });
      expect((await chain.revenue.fee()).bps).toBe(100);
    });
  });
});
