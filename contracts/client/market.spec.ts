import { randomBytes } from 'node:crypto';
import { type HDNodeWallet, ZeroAddress } from 'ethers';
import { fromHex, toHex } from '#core/hex.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { earn, earnable } from '#test/support/earning.js';
import { mintedAsset } from './assets.js';
import { send, type UnsignedTransaction } from './chain.js';
import { deployOne } from './deploy-one.js';
import { Market, parseMarketLogs } from './market.js';
import { Token } from './token.js';

const bytes20 = (address: string) => fromHex(address.toLowerCase(), 'address', 20);

describe('the market on a real chain', () => {
  let chain: Chain;
  let market: Market;
  /** Another currency than the escrow's. */
  let euro: Token;
  let maker: HDNodeWallet;
  let seller: HDNodeWallet;
  let buyer: HDNodeWallet;
  let payer: HDNodeWallet;
  let operator: HDNodeWallet;
  let soonSec: number;

  beforeAll(async () => {
    chain = await startChain();
    market = new Market(chain.deployment.market, chain.provider);
    [maker, seller, buyer] = [chain.account(1), chain.account(2), chain.account(3)];
    [payer, operator] = [chain.account(4), chain.account(5)];
    euro = new Token(await deployOne(maker, 'TestToken', []), chain.provider);
    await send(maker, euro.mint(buyer.address, 1_000_000n));
    await send(maker, chain.token.mint(buyer.address, 1_000_000n));
    soonSec = (await chain.nowSec()) + 86_400;
  });
  afterAll(() => chain?.stop());

  /** Made by `maker`, who gets a tenth of later sales, and passed on to `seller`: it is in tenure 2. */
  async function asset(): Promise<bigint> {
    const id = mintedAsset(await send(maker, chain.assets.mint()), chain.deployment.assets);
    await send(maker, chain.assets.setSaleRoyalty(id, 1_000));
    await send(maker, chain.assets.transfer(id, maker.address, seller.address));
    await send(seller, chain.assets.approve(id, market.address));
    return id;
  }
  const ask = (id: bigint, price: bigint, token = euro) =>
    send(seller, market.ask(id, { token: token.address, price, expiresAtSec: soonSec }));
  const refused = (who: HDNodeWallet, transaction: UnsignedTransaction, reason: string, revert: string) =>
    expect(send(who, transaction)).rejects.toMatchObject({ reason, details: { revert } });

  it('sells in any token, pays the royalty of ERC-2981, ends the tenure, and leaves each what he earned', async () => {
    const id = await asset();
    await send(seller, chain.assets.setOperator(id, operator.address));
    await earn(chain, payer, operator, { asset: id, tenure: 2, amount: 700n });
    const claimedLate = await earnable(chain, payer, { asset: id, tenure: 2, amount: 50n });
    await ask(id, 30_000n);
    expect(await market.askOf(id)).toEqual({
      token: bytes20(euro.address),
      price: 30_000n,
      tenure: 2,
      expiresAtSec: soonSec,
    });
    expect(await chain.assets.saleRoyalty(id, 30_000n)).toEqual({ maker: bytes20(maker.address), amount: 3_000n });
    expect(await chain.assets.isApproved(id, market.address)).toBe(true);

    const had = await Promise.all([maker, seller].map(({ address }) => euro.balanceOf(address)));
    const permit = await euro.permit(buyer, market.address, 30_000n, soonSec);
    const deal = { token: euro.address, price: 30_000n, tenure: 2, saleBps: 1_000 };
    const { logs } = await send(buyer, market.buyWithPermit(id, deal, permit));
    expect(parseMarketLogs(logs, market.address)).toMatchObject([
      { name: 'Sold', asset: id, tenure: 2, price: 30_000n, royalty: 3_000n, seller: bytes20(seller.address) },
    ]);
    const have = await Promise.all([maker, seller].map(({ address }) => euro.balanceOf(address)));
    expect(have).toEqual([had[0]! + 3_000n, had[1]! + 27_000n]);

    // The asset is the buyer's, and nothing that the seller put in force stands any more.
    expect(toHex(await chain.assets.ownerOf(id))).toBe(buyer.address.toLowerCase());
    expect(await chain.assets.head(id)).toMatchObject({ tenure: 3, listingVersion: 0, operator: Buffer.alloc(20) });
    await refused(seller, chain.assets.publish(id, randomBytes(32), 1), 'PERMISSION_DENIED', 'NotOwner');
    await send(buyer, chain.assets.publish(id, randomBytes(32), 1));

    // What was earned before the sale is the seller's, whenever it is claimed; what is earned after it, the buyer's.
    expect(await chain.revenue.balanceOf(seller.address)).toBe(700n);
    await send(operator, chain.escrow.claim([claimedLate]));
    const next = chain.account(6);
    await send(buyer, chain.assets.setOperator(id, next.address));
    await earn(chain, payer, next, { asset: id, tenure: 3, amount: 900n });
    for (const tenure of [2, 3]) await send(payer, chain.revenue.release(id, tenure));
    expect(await chain.revenue.balanceOf(seller.address)).toBe(750n);
    expect(await chain.revenue.balanceOf(buyer.address)).toBe(900n);
  });

  it('sells to who offered, at the price that was offered, and no offer outlives the tenure', async () => {
    const id = await asset();
    const offer = (price: bigint) =>
      market.offer(id, { token: euro.address, price, saleBps: 1_000, expiresAtSec: soonSec });
    const accept = (price: bigint) => market.accept(id, { buyer: buyer.address, token: euro.address, price });
    await send(buyer, offer(500n));
    await send(buyer, euro.approve(market.address, 10_000n));
    expect(await market.offerOf(id, buyer.address, euro.address)).toMatchObject({
      price: 500n,
      tenure: 2,
      saleBps: 1_000,
    });
    await refused(seller, accept(400n), 'WRONG_TERMS', 'TermsChanged');
    await refused(maker, accept(500n), 'PERMISSION_DENIED', 'NotOwner');
    await send(buyer, market.withdrawOffer(id, euro.address));
    await refused(seller, accept(500n), 'NOT_FOUND', 'NoOffer');
    await send(buyer, offer(600n));
    await send(seller, chain.assets.transfer(id, seller.address, maker.address));
    await send(maker, chain.assets.approve(id, market.address));
    await refused(maker, accept(600n), 'NOT_FOUND', 'NoOffer');
    await send(buyer, offer(600n));
    await send(maker, accept(600n));
    expect(toHex(await chain.assets.ownerOf(id))).toBe(buyer.address.toLowerCase());
    expect((await market.events(0, 'latest')).filter((event) => event.asset === id).map(({ name }) => name)).toEqual([
      'Offered',
      'OfferWithdrawn',
      'Offered',
      'Offered',
      'Sold',
    ]);
  });

  it('refuses with the reason what is stale, withdrawn, dearer than agreed or not paid for', async () => {
    const id = await asset();
    const deal = { token: euro.address, price: 40n, tenure: 2, saleBps: 1_000 };
    await refused(buyer, market.buy(id, deal), 'NOT_FOUND', 'NotForSale');
    await ask(id, 41n);
    await refused(buyer, market.buy(id, deal), 'WRONG_TERMS', 'TermsChanged');
    await ask(id, 40n);
    await refused(buyer, market.buy(id, { ...deal, saleBps: 999 }), 'WRONG_TERMS', 'SaleRoyaltyRaised');
    await send(buyer, euro.approve(market.address, 39n));
    await refused(buyer, market.buy(id, deal), 'FUNDS_TOO_LOW', 'ERC20InsufficientAllowance');
    await send(buyer, euro.approve(market.address, 40n));
    await send(seller, market.withdrawAsk(id));
    expect(await market.askOf(id)).toBeUndefined();
    await refused(buyer, market.buy(id, deal), 'NOT_FOUND', 'NotForSale');
    await ask(id, 40n);
    await send(seller, chain.assets.approve(id, ZeroAddress));
    await refused(buyer, market.buy(id, deal), 'PERMISSION_DENIED', 'ERC721InsufficientApproval');
    // An ask is its owner's for one tenure: who gets the asset is not bound by it, nor is who gets it back.
    await send(seller, chain.assets.transfer(id, seller.address, maker.address));
    await send(maker, chain.assets.transfer(id, maker.address, seller.address));
    await send(seller, chain.assets.approve(id, market.address));
    await refused(buyer, market.buy(id, deal), 'NOT_FOUND', 'NotForSale');
    await send(seller, market.ask(id, { token: euro.address, price: 40n, expiresAtSec: (await chain.nowSec()) + 60 }));
    await chain.advance(60);
    await refused(buyer, market.buy(id, { ...deal, tenure: 4 }), 'TRANSACTION_REVERTED', 'Expired');
    expect(await euro.balanceOf(market.address)).toBe(0n);
  });
});
