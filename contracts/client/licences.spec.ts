import { randomBytes } from 'node:crypto';
import { getBytes, type HDNodeWallet } from 'ethers';
import { fromHex } from '#core/hex.js';
import { SigningKey } from '#payments/signature.js';
import { escrowDomain, hashCount, hashUse, signingHash } from '#payments/typed-data.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { interfaceOf } from './artifact.js';
import { mintedAsset } from './assets.js';
import { send } from './chain.js';
import { type LicenceOffer, licenceSkipReasons, parseLicenceLogs } from './licences.js';

const DAY = 86_400;

describe('the bindings of licences on a real chain', () => {
  let chain: Chain;
  let owner: HDNodeWallet;
  let buyer: HDNodeWallet;
  let asset: bigint;
  const listing = randomBytes(32);
  const operator = new SigningKey(randomBytes(32));
  const signer = new SigningKey(randomBytes(32));
  let salt = 0n;

  beforeAll(async () => {
    chain = await startChain();
    [owner, buyer] = [chain.account(1), chain.account(2)];
    const minted = await send(owner, chain.assets.mint({ operator: owner.address, listing }));
    asset = mintedAsset(minted, chain.deployment.assets);
    await send(buyer, chain.token.mint(buyer.address, 1_000_000n));
  });
  afterAll(() => chain?.stop());

  const sign = (key: SigningKey, hash: Uint8Array): Buffer => {
    const verifyingContract = fromHex(chain.deployment.escrow, 'escrow', 20);
    return key.sign(signingHash(escrowDomain({ chainId: chain.deployment.chainId, verifyingContract }), hash));
  };

  async function offered(change: Partial<LicenceOffer>): Promise<Uint8Array> {
    const offer: LicenceOffer = {
      asset,
      tenure: 1,
      kind: 'subscription',
      price: 1_000n,
      spanSec: 30 * DAY,
      exclusive: false,
      transferable: false,
      calls: 0n,
      salt: ++salt,
      refundable: false,
      revocable: false,
      ...change,
    };
    const { logs } = await send(owner, chain.licences.offer(offer));
    const offerId = await chain.licences.offerId(offer);
    expect(parseLicenceLogs(logs, chain.licences.address)).toMatchObject([{ name: 'Offered', offerId, offer }]);
    return offerId;
  }

  async function bought(offerId: Uint8Array, price: bigint): Promise<Uint8Array> {
    const deadlineSec = (await chain.nowSec()) + 600;
    const permit = await chain.token.permit(buyer, chain.licences.address, price, deadlineSec);
    const purchase = { offerId, listing, signer: signer.address, salt: ++salt };
    await send(buyer, chain.licences.buyWithPermit(purchase, permit));
    return await chain.licences.licenceId(buyer.address, offerId, purchase.salt);
  }

  it('sell a subscription with a permit in one transaction, and renew it once however often that is sent', async () => {
    const offerId = await offered({});
    const before = await chain.token.balanceOf(buyer.address);
    const id = await bought(offerId, 1_000n);
    expect(await chain.token.balanceOf(buyer.address)).toBe(before - 1_000n);
    const state = await chain.licences.state(id);
    expect(state).toMatchObject({
      valid: true,
      holder: getBytes(buyer.address),
      signer: new Uint8Array(signer.address),
      signerNumber: 1,
      asset,
      tenure: 1,
      kind: 'subscription',
      offerId,
      validUntilSec: state.startSec + 30 * DAY,
      paid: 1_000n,
      callsLeft: undefined,
    });
    const untilSec = state.validUntilSec! + 60 * DAY;
    await send(buyer, chain.token.approve(chain.licences.address, 2_000n));
    const { logs } = await send(buyer, chain.licences.renewTo(id, listing, untilSec));
    expect(parseLicenceLogs(logs, chain.licences.address)[0]).toMatchObject({ name: 'Renewed', amount: 2_000n });
    await send(buyer, chain.licences.renewTo(id, listing, untilSec));
    const deadlineSec = (await chain.nowSec()) + 600;
    const permit = await chain.token.permit(buyer, chain.licences.address, 1_000n, deadlineSec);
    const later = untilSec + 30 * DAY;
    await send(buyer, chain.licences.renewToWithPermit(id, listing, later, { amount: 1_000n, ...permit }));
    expect(await chain.licences.state(id)).toMatchObject({ paid: 4_000n, validUntilSec: later });
    expect(await chain.revenue.balanceOf(owner.address)).toBe(4_000n);
  });

  it('count a pass by what its signer signed, and earn just that', async () => {
    const id = await bought(await offered({ kind: 'pass', calls: 10n, refundable: true }), 1_000n);
    const commitment = randomBytes(32);
    const use = hashUse({ licenceId: id, uses: 4n, commitment });
    const claim = { licenceId: id, uses: 3n, signedUses: 4n, commitment, signature: sign(signer, use) };
    const foreign = { ...claim, signature: sign(operator, use) };
    const { logs } = await send(owner, chain.licences.claim([foreign, claim, { ...claim, uses: 5n }]));
    expect(parseLicenceLogs(logs, chain.licences.address)).toMatchObject([
      { name: 'Skipped', licenceId: id, reason: 'BadSignature' },
      { name: 'Counted', licenceId: id, uses: 3n },
      { name: 'Earned', licenceId: id, amount: 300n },
      { name: 'Skipped', licenceId: id, reason: 'AboveSigned' },
    ]);
    expect(await chain.licences.state(id)).toMatchObject({ uses: 3n, callsLeft: 7n, earned: 300n });
    expect(await chain.licences.due(asset, 1)).toBe(300n);
    const pushed = await send(buyer, chain.licences.push(asset, 1, [id]));
    expect(parseLicenceLogs(pushed.logs, chain.licences.address)).toMatchObject([{ name: 'Pushed', amount: 300n }]);
    expect(await chain.licences.due(asset, 1)).toBe(0n);
  });

  it('seal a pass at the operator’s count, give it another signer, refund the rest and pay it out', async () => {
    const id = await bought(await offered({ kind: 'pass', calls: 10n, refundable: true }), 1_000n);
    await send(owner, chain.assets.setOperator(asset, operator.address));
    const deadlineSec = (await chain.nowSec()) + 600;
    const signature = sign(operator, hashCount({ licenceId: id, uses: 6n, signerNumber: 1, deadlineSec }));
    await expect(send(buyer, chain.licences.refund(id))).rejects.toMatchObject({ details: { revert: 'CountNeeded' } });
    await send(buyer, chain.licences.seal(id, { uses: 6n, deadlineSec, signature }));
    expect(await chain.licences.state(id)).toMatchObject({ signer: undefined, uses: 6n, callsLeft: 4n });
    await send(buyer, chain.licences.setSigner(id, signer.address));
    expect(await chain.licences.state(id)).toMatchObject({ signerNumber: 2 });
    const again = sign(operator, hashCount({ licenceId: id, uses: 6n, signerNumber: 2, deadlineSec }));
    await send(buyer, chain.licences.seal(id, { uses: 6n, deadlineSec, signature: again }));
    await send(buyer, chain.licences.refund(id));
    expect(await chain.licences.refundsOf(buyer.address)).toBe(400n);
    expect(await chain.licences.state(id)).toMatchObject({ valid: false, holder: undefined, paid: 600n, earned: 600n });
    expect(await chain.licences.endOf(id, 0)).toBe('refunded');
    const before = await chain.token.balanceOf(buyer.address);
    await send(buyer, chain.licences.withdraw(400n, buyer.address));
    expect(await chain.token.balanceOf(buyer.address)).toBe(before + 400n);
  });

  it('revoke what may be revoked, tell why it is over, and hand on what may be handed on', async () => {
    const rental = await bought(
      await offered({ kind: 'rental', exclusive: true, refundable: true, revocable: true, spanSec: DAY }),
      1_000n,
    );
    expect(await chain.licences.endOf(rental, 0)).toBeUndefined();
    await send(owner, chain.licences.revoke(rental));
    expect(await chain.licences.endOf(rental, 0)).toBe('revoked');
    const perpetual = await bought(await offered({ kind: 'perpetual', spanSec: 0, transferable: true }), 1_000n);
    expect(await chain.licences.state(perpetual)).toMatchObject({ validUntilSec: undefined, kind: 'perpetual' });
    await send(buyer, chain.licences.transfer(perpetual, buyer.address, owner.address));
    expect(await chain.licences.state(perpetual)).toMatchObject({
      holder: getBytes(owner.address),
      signer: undefined,
    });
    await expect(send(owner, chain.licences.revoke(perpetual))).rejects.toMatchObject({
      details: { revert: 'NotRevocable' },
    });
  });

  it('list the offers of an asset with what became of them', async () => {
    const other = mintedAsset(
      await send(owner, chain.assets.mint({ operator: owner.address, listing: randomBytes(32) })),
      chain.deployment.assets,
    );
    expect(await chain.licences.offersOf(other, 0)).toEqual([]);
    const [open, withdrawn] = [await offered({ asset: other }), await offered({ asset: other, price: 7n })];
    await send(owner, chain.licences.withdrawOffer(withdrawn));
    expect(await chain.licences.offersOf(other, 0)).toMatchObject([
      { offerId: open, status: 'open', offer: { price: 1_000n } },
      { offerId: withdrawn, status: 'withdrawn', offer: { price: 7n } },
    ]);
    const never = randomBytes(32);
    expect(await chain.licences.offerOf(never)).toMatchObject({ status: 'none' });
    expect(await chain.licences.state(never)).toMatchObject({ valid: false, holder: undefined, offerId: undefined });
  });

  it('reclaim a pass from its release on', async () => {
    const id = await bought(await offered({ kind: 'pass', calls: 10n, refundable: true, spanSec: DAY }), 1_000n);
    const early = await send(owner, chain.licences.reclaim([id]));
    expect(parseLicenceLogs(early.logs, chain.licences.address)).toMatchObject([{ reason: 'NotReleased' }]);
    await chain.advance(DAY + 3_600);
    const { logs } = await send(owner, chain.licences.reclaim([id]));
    expect(parseLicenceLogs(logs, chain.licences.address)).toMatchObject([
      { name: 'Ended', reason: 'reclaimed', refunded: 1_000n },
    ]);
    const events = await chain.licences.events(0, 'latest');
    expect(events.filter(({ name }) => name === 'Bought').length).toBeGreaterThan(4);
  });

  it('know every event and reason of the contract', () => {
    const inputs = interfaceOf('Licences')
      .getEvent('Skipped')
      ?.inputs.map((input) => input.name);
    expect(inputs).toEqual(['licenceId', 'reason']);
    expect(licenceSkipReasons).toHaveLength(10);
  });
});
