import { randomBytes } from 'node:crypto';
import { type HDNodeWallet, N } from 'ethers';
import { fromHex, toHex } from '#core/hex.js';
import { SigningKey } from '#payments/signature.js';
import { channelId, escrowDomain, hashClose, signingHash } from '#payments/typed-data.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { earn } from '#test/support/earning.js';
import { domainOf, newKey, newTerms } from '#test/support/paying.js';
import { interfaceOf } from './artifact.js';
import { mintedAsset, type Parent } from './assets.js';
import { read, send, type UnsignedTransaction } from './chain.js';
import type { ChannelTerms } from './escrow.js';
import { Market } from './market.js';

describe('what people get wrong is refused by a sentence that they understand', () => {
  let chain: Chain;
  let owner: HDNodeWallet;
  let payer: HDNodeWallet;
  let asset: bigint;
  const operator = newKey();

  beforeAll(async () => {
    chain = await startChain();
    [owner, payer] = [chain.account(1), chain.account(2)];
    asset = mintedAsset(await send(owner, chain.assets.mint({ operator: operator.address })), chain.deployment.assets);
    await chain.fund(payer, 10_000n);
  });
  afterAll(() => chain?.stop());

  const refusal = async (who: HDNodeWallet, transaction: UnsignedTransaction) => {
    const { reason, message, details } = (await send(who, transaction).then(
      () => ({ reason: 'none', message: '', details: {} }),
      (error: unknown) => error,
    )) as { reason: string; message: string; details: Record<string, string> };
    return { reason, message, ...details };
  };
  const mint = (parents: Parent[]) => refusal(owner, chain.assets.mint({ parents }));

  it('an asset that is its own parent, or its descendant’s', async () => {
    const count = await chain.assets.count();
    const next = count + 1n;
    for (const parent of [next, next + 5n])
      expect(await mint([{ asset: parent, bps: 100 }])).toMatchObject({
        reason: 'INVALID_INPUT',
        revert: 'BadParent',
        parent: String(parent),
        message: expect.stringContaining(`asset ${parent} cannot be a parent of asset ${next}`),
      });
    expect(await chain.assets.count()).toBe(count);
  });

  it('terms over 100 %', async () => {
    const other = mintedAsset(await send(owner, chain.assets.mint()), chain.deployment.assets);
    const parents = [asset, other].map((each) => ({ asset: each, bps: 5_001 }));
    expect(await mint(parents)).toMatchObject({
      reason: 'INVALID_INPUT',
      revert: 'SharesTooHigh',
      message: expect.stringContaining('100.02 %'),
    });
    expect(await refusal(owner, chain.assets.setRoyalty(asset, 10_001))).toMatchObject({ revert: 'RoyaltyTooHigh' });
    expect(await refusal(owner, chain.assets.setSaleRoyalty(asset, 1_001))).toMatchObject({
      message: expect.stringContaining('10.01 % is more than asset 1 may ask: at most 10 %'),
    });
  });

  describe('the signature that closes a channel', () => {
    let terms: ChannelTerms;
    let deadlineSec: number;
    beforeEach(async () => {
      const signer = newKey();
      terms = newTerms(fromHex(payer.address, 'payer', 20), signer.address, asset);
      const nowSec = await chain.nowSec();
      deadlineSec = nowSec + 600;
      await send(payer, chain.escrow.open([{ ...terms, amount: 1_000n, expiresAtSec: nowSec + 7_200 }]));
    });
    const closeSigned = (domain = domainOf(chain), key: SigningKey = operator, spent = 10n) =>
      key.sign(
        signingHash(
          escrowDomain(domain),
          hashClose({ channelId: channelId(terms, domainOf(chain)), spent, deadlineSec }),
        ),
      );
    const close = (signature: Uint8Array) => chain.escrow.close(terms, { spent: 10n, deadlineSec, signature });

    it.each([
      ['another chain', () => closeSigned({ ...domainOf(chain), chainId: 1n })],
      ['another contract', () => closeSigned({ ...domainOf(chain), verifyingContract: randomBytes(20) })],
      ['another amount', () => closeSigned(undefined, operator, 11n)],
      ['another key’s', () => closeSigned(undefined, newKey())],
      [
        'the second form that anybody can make of it',
        () => {
          // N - s instead of s, for the other of the two points.
          const signature = closeSigned();
          const vs = BigInt(toHex(signature.subarray(32)));
          const high = vs >> 255n;
          const s = N - (vs & (2n ** 255n - 1n));
          const other = ((1n - high) << 255n) | s;
          return Buffer.concat([
            signature.subarray(0, 32),
            Buffer.from((other % 2n ** 256n).toString(16).padStart(64, '0'), 'hex'),
          ]);
        },
      ],
    ])('for or as %s', async (_what, sign) => {
      expect(await refusal(payer, close(sign()))).toMatchObject({
        reason: 'BAD_SIGNATURE',
        revert: 'BadSignature',
        message: expect.stringContaining('another chain, contract or content'),
      });
      expect(await chain.escrow.channel(channelId(terms, domainOf(chain)))).toMatchObject({
        status: 'open',
        claimed: 0n,
      });
      await send(payer, close(closeSigned()));
    });
  });

  it('a permit that has expired, was made by somebody else, or is used a second time', async () => {
    const nowSec = await chain.nowSec();
    const { escrow, token } = chain.deployment;
    const usePermit = async (who: HDNodeWallet, deadline: number) => {
      const { v, r, s } = await chain.token.permit(who, escrow, 5n, deadline);
      const args = [payer.address, escrow, 5n, deadline, v, r, s];
      return { to: token, data: interfaceOf('TestToken').encodeFunctionData('permit', args) };
    };
    expect(await refusal(payer, await usePermit(payer, nowSec - 1))).toMatchObject({
      revert: 'ERC2612ExpiredSignature',
      message: expect.stringMatching(/the permit held until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: sign a new one/),
    });
    expect(await refusal(payer, await usePermit(owner, nowSec + 600))).toMatchObject({
      reason: 'BAD_SIGNATURE',
      revert: 'ERC2612InvalidSigner',
    });
    const once = await usePermit(payer, nowSec + 600);
    await send(payer, once);
    expect(await refusal(payer, once)).toMatchObject({ reason: 'BAD_SIGNATURE' });
  });

  it('amounts of nothing, and tokens that are no contracts', async () => {
    const market = new Market(chain.deployment.market, chain.provider);
    const expiresAtSec = (await chain.nowSec()) + 600;
    const terms = newTerms(fromHex(payer.address, 'payer', 20), newKey().address, asset);
    expect(await refusal(payer, chain.escrow.open([{ ...terms, amount: 0n, expiresAtSec }]))).toMatchObject({
      reason: 'INVALID_INPUT',
      revert: 'ZeroAmount',
    });
    const ask = { token: chain.deployment.token, price: 5n, expiresAtSec };
    expect(await refusal(owner, market.ask(asset, { ...ask, price: 0n }))).toMatchObject({ revert: 'ZeroPrice' });
    expect(await refusal(owner, market.ask(asset, { ...ask, token: payer.address }))).toMatchObject({
      reason: 'INVALID_INPUT',
      revert: 'NotAContract',
      token: payer.address,
    });
  });

  it('a licence for what is not listed any more, or is listed with other terms', async () => {
    const licences = (method: string, args: unknown[]) => ({
      to: chain.deployment.licences,
      data: interfaceOf('Licences').encodeFunctionData(method, args),
    });
    const [old, present] = [randomBytes(32), randomBytes(32)];
    const offer = {
      asset,
      tenure: 1,
      kind: 0,
      price: 10n,
      spanSec: 86_400,
      exclusive: false,
      transferable: false,
      calls: 0n,
      salt: 1n,
      refundable: false,
      revocable: false,
    };
    const [offerId] = await read(chain.provider, 'Licences', chain.deployment.licences, 'offerIdOf', [offer]);
    const buy = (listing: Uint8Array) => licences('buy', [offerId, listing, payer.address, 1n]);
    expect(await refusal(payer, buy(old))).toMatchObject({ reason: 'NOT_FOUND', revert: 'OfferNotOpen' });
    await send(owner, chain.assets.publish(asset, old, 1));
    await send(owner, licences('offer', [offer]));
    await send(owner, chain.assets.publish(asset, present, 2));
    expect(await refusal(payer, buy(old))).toMatchObject({
      reason: 'LISTING_SUPERSEDED',
      revert: 'ListingChanged',
      present: toHex(present),
    });
    await send(owner, chain.assets.delist(asset));
    expect(await refusal(payer, buy(present))).toMatchObject({
      revert: 'NotListed',
      message: 'asset 1 has no listing in force: its owner has to publish one first',
    });
  });

  it('a former owner who wants what was earned later, and income that is released twice', async () => {
    const [seller, heir, next] = [chain.account(3), chain.account(4), chain.account(5)];
    const sold = mintedAsset(
      await send(seller, chain.assets.mint({ operator: seller.address })),
      chain.deployment.assets,
    );
    await send(seller, chain.assets.transfer(sold, seller.address, heir.address));
    await send(heir, chain.assets.setOperator(sold, next.address));
    await earn(chain, payer, next, { asset: sold, tenure: 2, amount: 100n });
    for (const transaction of [
      chain.assets.publish(sold, randomBytes(32), 1),
      chain.assets.setOperator(sold, seller.address),
      chain.assets.transfer(sold, heir.address, seller.address),
    ])
      expect(await refusal(seller, transaction)).toMatchObject({ reason: 'PERMISSION_DENIED' });
    await send(seller, chain.revenue.release(sold, 2));
    await send(seller, chain.revenue.release(sold, 2));
    expect(await chain.revenue.balanceOf(heir.address)).toBe(100n);
    expect(await refusal(seller, chain.revenue.withdraw(1n, seller.address))).toMatchObject({
      reason: 'FUNDS_TOO_LOW',
      balance: '0',
      needed: '1',
    });
  });
});
