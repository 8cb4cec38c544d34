import { randomBytes } from 'node:crypto';
import { messageDigest } from '#payments/digests.js';
import { hashCall } from '#payments/typed-data.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { callLicensed, licensedCall, offerLicence } from '#test/support/licensing.js';
import { type PaidService, publishEcho, SAY, startPaidService, text } from '#test/support/paid-service.js';
import { walletOptions } from '#test/support/wallets.js';
import { LocalWallet, type LocalWalletOptions } from './local-wallet.js';

describe('a wallet’s licences', () => {
  let chain: Chain;
  let service: PaidService;
  let options: LocalWalletOptions;
  let wallet: LocalWallet;

  beforeAll(async () => {
    chain = await startChain();
    service = await startPaidService({ chain, databaseUrl: await createDatabase(), ...(await publishEcho(chain)) });
    await chain.fund(chain.account(2), 100_000n); // into the escrow: nothing is left in the token
    options = walletOptions(chain, await createDatabase());
    wallet = await LocalWallet.open(options);
  });
  afterAll(async () => {
    await wallet?.close();
    await service?.stop();
    await chain?.stop();
  });

  async function buy(calls: bigint, refundable = false): Promise<Uint8Array> {
    const terms = { kind: 'pass' as const, calls, price: 1_000n, refundable };
    const { offerId } = await offerLicence(chain, chain.account(1), service.listing.asset, terms);
    return (await wallet.buyLicence({ offerId, listing: service.digest, maxPrice: 1_000n })).licenceId;
  }
  const callOf = (what: string, callId?: Uint8Array) => licensedCall(service.listing, SAY, text(what), callId);

  it('are paid out of the escrow when the token lacks the money, and named in the list', async () => {
    const free = async () => (await wallet.account()).free;
    const before = await free();
    const id = await buy(5n);
    expect(before - (await free())).toBe(1_000n);
    expect(await wallet.licences()).toMatchObject([{ licenceId: Buffer.from(id), valid: true, callsLeft: 5n }]);
    const { offerId } = await offerLicence(chain, chain.account(1), service.listing.asset, { price: 10n ** 12n });
    const dear = { offerId, listing: service.digest, maxPrice: undefined };
    await expect(wallet.buyLicence(dear)).rejects.toMatchObject({ reason: 'FUNDS_TOO_LOW' });
    await expect(wallet.buyLicence({ ...dear, maxPrice: 1n })).rejects.toMatchObject({ reason: 'PRICE_ABOVE_LIMIT' });
    const other = { ...dear, offerId: randomBytes(32) };
    await expect(wallet.buyLicence(other)).rejects.toMatchObject({ reason: 'NOT_FOUND' });
  });

  it('count what was and may be served: a call that was not charged gives its count back', async () => {
    const id = await buy(3n);
    const [first, second, third] = [callOf('a'), callOf('b'), callOf('c')];
    expect((await wallet.signUse(id, first)).uses).toBe(1n);
    expect((await wallet.signUse(id, first)).uses).toBe(1n); // the same call again
    await wallet.settleUse(id, first.callId, 'not-charged');
    await wallet.settleUse(id, first.callId, 'not-charged');
    expect((await wallet.signUse(id, second)).uses).toBe(1n);
    expect((await wallet.signUse(id, third)).uses).toBe(2n);
    await wallet.settleUse(id, second.callId, 'unclear'); // may have been served
    expect((await wallet.signUse(id, first)).uses).toBe(3n);
    expect((await wallet.signUse(id, callOf('d'))).uses).toBe(3n); // never above its calls
    const other = { ...first, requestDigest: messageDigest(text('other')) };
    await expect(wallet.signUse(id, other)).rejects.toMatchObject({ reason: 'CALL_ID_REUSED' });
    await expect(wallet.signUse(id, { ...callOf('e'), maxAmount: 1n })).rejects.toMatchObject({
      reason: 'INVALID_INPUT',
    });
  });

  it('believe a receipt only when it verifies, and remember counts over a restart', async () => {
    const id = await buy(9n);
    const call = callOf('served');
    const payment = await wallet.signUse(id, call);
    const { receipt } = await callLicensed(service.client, `/${SAY}`, text('served'), payment);
    const bad = [
      { ...receipt!, amount: 1n },
      { ...receipt!, commitment: hashCall(callOf('x')) },
      { ...receipt!, units: 2n },
    ];
    for (const each of bad)
      await expect(wallet.settleUse(id, call.callId, { receipt: each })).rejects.toMatchObject({
        reason: 'RECEIPT_INVALID',
      });
    await wallet.settleUse(id, call.callId, { receipt: receipt! });
    await wallet.settleUse(id, call.callId, 'not-charged'); // the receipt says otherwise
    await wallet.close();
    wallet = await LocalWallet.open(options);
    expect((await wallet.signUse(id, callOf('next'))).uses).toBe(2n);
    const again = await wallet.signUse(id, call);
    const reply = await callLicensed(service.client, `/${SAY}`, text('served'), again);
    expect(reply.receipt).toEqual(receipt);
    expect(service.calls.filter((each) => each === 'served')).toHaveLength(1);
  });

  it('are sealed at no more calls than were made, whatever the provider counts', async () => {
    const id = await buy(4n, true);
    const endpoints = [`grpc://${service.app.address}`];
    const serve = async (what: string) => {
      const call = callOf(what);
      const { receipt } = await callLicensed(service.client, `/${SAY}`, text(what), await wallet.signUse(id, call));
      return { callId: call.callId, receipt: receipt! };
    };
    const hidden = await serve('hidden');
    // As if the provider had said that it did not charge, and counted all the same.
    await wallet.settleUse(id, hidden.callId, 'not-charged');
    await expect(wallet.refundLicence(id, endpoints)).rejects.toMatchObject({
      reason: 'RECEIPT_INVALID',
      details: { uses: '1', most: '0' },
    });
    await wallet.settleUse(id, hidden.callId, { receipt: hidden.receipt });
    expect((await wallet.refundLicence(id, endpoints)).refunded).toBe(750n);
    await expect(wallet.refundLicence(id, endpoints)).rejects.toMatchObject({ reason: 'LICENCE_ENDED' });
  });
});
