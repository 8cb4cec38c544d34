import { randomBytes } from 'node:crypto';
import type { Wallet } from 'ethers';
import { send } from '#contracts/chain.js';
import type { LicenceOffer } from '#contracts/licences.js';
import { fromHex, toHex } from '#core/hex.js';
import { messageDigest } from '#payments/digests.js';
import { type Call, hashCall } from '#payments/typed-data.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { callLicensed, HeldLicence, licensedCall, offerLicence } from '#test/support/licensing.js';
import { onEnd } from '#test/support/on-end.js';
import { type PaidService, publishEcho, SAY, startPaidService, text } from '#test/support/paid-service.js';
import { newKey } from '#test/support/paying.js';
import { startRpcProxy } from '#test/support/rpc-proxy.js';
import { startSettler } from '#test/support/settling.js';
import { walletOptions } from '#test/support/wallets.js';
import { LocalWallet, type LocalWalletOptions } from './local-wallet.js';
import type { WalletPolicy } from './policy.js';

describe('a wallet’s licences', () => {
  let chain: Chain;
  let service: PaidService;
  let options: LocalWalletOptions;
  let wallet: LocalWallet;
  let operatorWallet: Wallet;

  beforeAll(async () => {
    chain = await startChain();
    const echo = await publishEcho(chain);
    ({ operatorWallet } = echo);
    service = await startPaidService({ chain, databaseUrl: await createDatabase(), ...echo });
    await chain.fund(chain.account(2), 100_000n); // into the escrow: nothing is left in the token
    options = walletOptions(chain, await createDatabase());
    wallet = await LocalWallet.open(options);
  });
  afterAll(async () => {
    await wallet?.close();
    await service?.stop();
    await chain?.stop();
  });

  async function buy(calls: bigint, more: Partial<LicenceOffer> = {}): Promise<Uint8Array> {
    const terms = { kind: 'pass' as const, calls, price: 1_000n, ...more };
    const { offerId } = await offerLicence(chain, chain.account(1), service.listing.asset, terms);
    return (await wallet.buyLicence({ offerId, listing: service.digest, maxPrice: 1_000n })).licenceId;
  }
  async function buyTimed(): Promise<Uint8Array> {
    const { offerId } = await offerLicence(chain, chain.account(1), service.listing.asset, {});
    return (await wallet.buyLicence({ offerId, listing: service.digest, maxPrice: undefined })).licenceId;
  }
  const endpoints = () => [`grpc://${service.app.address}`];

  /** One call as a client makes it: signed, sent, settled. */
  async function use(holder: LocalWallet, id: Uint8Array, what: string): Promise<Call> {
    const call = callOf(what);
    const payment = await holder.signUse(id, call, endpoints());
    const { receipt, error } = await callLicensed(service.client, `/${SAY}`, text(what), payment);
    await holder.settleUse(id, call.callId, receipt === undefined ? 'not-charged' : { receipt });
    if (error !== undefined) throw error;
    return call;
  }

  async function anotherWallet() {
    const heir = await LocalWallet.open(walletOptions(chain, await createDatabase(), { account: 3 }));
    return { heir, close: () => heir.close() };
  }

  async function reopen(policy: Partial<WalletPolicy>): Promise<void> {
    await wallet.close();
    wallet = await LocalWallet.open({ ...options, policy: { ...options.policy, ...policy } });
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

  it('are bought once when the answer was lost and the purchase is asked for again', async () => {
    const proxy = await startRpcProxy(chain.rpcUrl);
    const own = walletOptions(chain, await createDatabase(), { account: 6 });
    await send(chain.account(8), chain.token.mint(own.key.address, 10_000n));
    const buyer = await LocalWallet.open({ ...own, chain: { ...own.chain, rpcUrl: proxy.url } });
    onEnd(() => buyer.close());
    const { offerId } = await offerLicence(chain, chain.account(1), service.listing.asset, { price: 1_000n });
    const purchase = { offerId, listing: service.digest, maxPrice: undefined };
    proxy.decide((method) => (method === 'eth_getTransactionReceipt' ? 'lose answer' : 'pass'));
    await expect(buyer.buyLicence(purchase)).rejects.toMatchObject({ reason: 'CHAIN_UNAVAILABLE' });
    proxy.decide(() => 'pass');
    const { licenceId, transaction } = await buyer.buyLicence(purchase);
    expect(await chain.provider.getTransactionReceipt(transaction)).toMatchObject({ status: 1 });
    expect((await buyer.licences()).map((each) => each.licenceId)).toEqual([licenceId]);
    expect(await chain.token.balanceOf(own.key.address)).toBe(9_000n);
    // Who wants a second one, says so.
    expect((await buyer.buyLicence(purchase)).licenceId).not.toEqual(licenceId);
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
    const usage = await wallet.usage({ fromDay: 0, toDay: 2 ** 32 - 1 });
    expect(usage).toMatchObject([{ asset: service.listing.asset, calls: 1n, units: 1n, amount: 0n }]);
  });

  it('are sealed at no more calls than were made, whatever the provider counts', async () => {
    const id = await buy(4n, { refundable: true });
    const serve = async (what: string) => {
      const call = callOf(what);
      const { receipt } = await callLicensed(service.client, `/${SAY}`, text(what), await wallet.signUse(id, call));
      return { callId: call.callId, receipt: receipt! };
    };
    const hidden = await serve('hidden');
    // As if the provider had said that it did not charge, and counted all the same.
    await wallet.settleUse(id, hidden.callId, 'not-charged');
    await expect(wallet.refundLicence(id, endpoints())).rejects.toMatchObject({
      reason: 'RECEIPT_INVALID',
      details: { uses: '1', most: '0' },
    });
    await wallet.settleUse(id, hidden.callId, { receipt: hidden.receipt });
    expect((await wallet.refundLicence(id, endpoints())).refunded).toBe(750n);
    await expect(wallet.refundLicence(id, endpoints())).rejects.toMatchObject({ reason: 'LICENCE_ENDED' });
  });

  it('change hands: a pass is sealed, the new holder names a key, and the calls that are left are his', async () => {
    const { heir, close } = await anotherWallet();
    const to = fromHex(heir.payerAddress, 'to', 20);
    const id = await buy(5n, { transferable: true });
    for (const what of ['of hers', 'of hers too']) await use(wallet, id, what);
    await expect(heir.transferLicence(id, to, [])).rejects.toMatchObject({ reason: 'INVALID_INPUT' });
    await expect(heir.sealLicence(id, endpoints())).rejects.toMatchObject({ reason: 'PERMISSION_DENIED' });
    await expect(heir.signUse(id, callOf('too early'))).rejects.toMatchObject({ reason: 'LICENCE_FOREIGN' });

    await wallet.transferLicence(id, to, endpoints());
    expect(await chain.licences.state(id)).toMatchObject({ holder: to, signer: undefined, uses: 2n });
    await expect(wallet.signUse(id, callOf('hers no more'))).rejects.toMatchObject({
      reason: 'LICENCE_SEALED',
      message: expect.stringContaining('until its holder names a new signer'),
    });
    await expect(wallet.setLicenceSigner(id, undefined, [])).rejects.toMatchObject({
      reason: 'PERMISSION_DENIED',
      message: `the licence is held by ${heir.payerAddress}, not by this wallet, ${wallet.payerAddress}`,
    });
    await expect(heir.signUse(id, callOf('no key yet'))).rejects.toMatchObject({ reason: 'LICENCE_SEALED' });

    const named = await heir.setLicenceSigner(id, undefined, []);
    expect(await heir.setLicenceSigner(id, undefined, [])).toEqual({ signer: named.signer, transaction: undefined });
    expect(await heir.licences()).toMatchObject([{ licenceId: Buffer.from(id), callsLeft: 3n, signer: named.signer }]);
    for (const what of ['his', 'his too']) await use(heir, id, what);
    await expect(wallet.signUse(id, callOf('hers again'))).rejects.toMatchObject({
      reason: 'LICENCE_FOREIGN',
      retryable: false,
    });
    expect(await service.ledger.licences.licence(id)).toMatchObject({ spent: 4n, signerNumber: 2 });

    // And back: whatever this wallet signed before counts no more, what the other one used does.
    await heir.transferLicence(id, fromHex(wallet.payerAddress, 'to', 20), endpoints());
    await wallet.setLicenceSigner(id, undefined, []);
    expect((await wallet.sealLicence(id, endpoints())).uses).toBe(4n);
    await wallet.setLicenceSigner(id, undefined, []);
    await use(wallet, id, 'the last one');
    await expect(use(wallet, id, 'one too many')).rejects.toMatchObject({ reason: 'LICENCE_USED_UP' });
    await close();
  });

  it('stay where they are if their seller says so, and nothing changes then', async () => {
    const { heir, close } = await anotherWallet();
    const id = await buy(3n);
    await use(wallet, id, 'once');
    const to = fromHex(heir.payerAddress, 'to', 20);
    await expect(wallet.transferLicence(id, to, endpoints())).rejects.toMatchObject({
      reason: 'INVALID_INPUT',
      message: 'its seller sold this licence as one that cannot be passed on',
    });
    const itself = fromHex(wallet.payerAddress, 'to', 20);
    for (const bad of [itself, new Uint8Array(20), new Uint8Array(19)])
      await expect(wallet.transferLicence(id, bad, [])).rejects.toMatchObject({ reason: 'INVALID_INPUT' });
    await expect(wallet.sealLicence(await buyTimed(), [])).rejects.toMatchObject({
      message: 'a subscription counts no calls, so there is nothing to seal',
    });
    await use(wallet, id, 'twice');
    await close();
  });

  it('are used with a key that is named from outside, and with none of the wallet’s then', async () => {
    const id = await buy(3n);
    await use(wallet, id, 'before');
    const key = newKey();
    expect((await wallet.setLicenceSigner(id, key.address, endpoints())).signer).toEqual(key.address);
    await expect(wallet.signUse(id, callOf('after'))).rejects.toMatchObject({
      details: { signer: toHex(key.address) },
    });
    await expect(wallet.sealLicence(id, endpoints())).rejects.toMatchObject({ reason: 'LICENCE_FOREIGN' });
    const licence = new HeldLicence(chain, id, key, true);
    const payment = licence.use(callOf('after'), 2n);
    const reply = await callLicensed(service.client, `/${SAY}`, text('after'), payment);
    expect(reply.receipt).toMatchObject({ amount: 0n });
  });

  it('name one key when asked twice at once', async () => {
    const id = await buy(3n);
    await wallet.sealLicence(id, endpoints());
    const named = await Promise.all([1, 2, 3].map(() => wallet.setLicenceSigner(id, undefined, endpoints())));
    expect(named.filter(({ transaction }) => transaction !== undefined)).toHaveLength(1);
    await use(wallet, id, 'by that key');
  });

  it('get back the count of a call that never arrived, and the receipt of one whose answer was lost', async () => {
    const id = await buy(4n, { refundable: true });
    const [lost, late] = [callOf('never sent'), callOf('answer lost')];
    await wallet.signUse(id, lost, endpoints());
    const { receipt } = await callLicensed(
      service.client,
      `/${SAY}`,
      text('answer lost'),
      await wallet.signUse(id, late, endpoints()),
    );
    expect(await wallet.call(late.callId)).toMatchObject({ state: 'RESERVED', receipt: undefined, call: late });
    await wallet.sweep(); // somebody may still retry
    expect(await wallet.call(lost.callId)).toMatchObject({ state: 'RESERVED' });
    await reopen({ reservedSec: -1 });
    await wallet.sweep();
    expect(await wallet.call(lost.callId)).toMatchObject({ state: 'VOID', receipt: undefined });
    expect(await wallet.call(late.callId)).toMatchObject({ state: 'SETTLED', receipt, maxAmount: 0n, step: '' });
    await expect(wallet.signUse(id, lost)).rejects.toMatchObject({ reason: 'CALL_VOID' });
    expect((await wallet.signUse(id, callOf('next'))).uses).toBe(2n);
    // What is open when a pass is sealed is asked about then: the one call that was served is what its holder pays for.
    expect((await wallet.refundLicence(id, [])).refunded).toBe(750n);
    await reopen({});
  });

  it('leave calls alone whose provider nobody named, until one is', async () => {
    const id = await buy(2n);
    const call = callOf('signed for nobody');
    await wallet.signUse(id, call);
    const said: unknown[] = [];
    const before = options;
    options = { ...options, warn: (message, details) => said.push(message, details) };
    await reopen({ reservedSec: -1 });
    await wallet.sweep();
    expect([said, (await wallet.call(call.callId))?.state]).toEqual([[], 'RESERVED']);
    await wallet.signUse(id, call, endpoints());
    await wallet.sweep();
    expect([said, (await wallet.call(call.callId))?.state]).toEqual([[], 'VOID']);
    options = before;
    await reopen({});
  });

  it('tell where their receipts are anchored', async () => {
    const id = await buy(2n, { transferable: true });
    const { callId } = await use(wallet, id, 'anchored');
    expect(await wallet.receiptPlace(callId)).toEqual({ state: 'waiting', bySec: undefined, unpaid: false });
    await wallet.transferLicence(id, fromHex(chain.account(5).address, 'to', 20), endpoints());
    const settling = await startSettler(chain, service, operatorWallet, { everyMs: 3_600_000 });
    await settling.settler.anchorNow();
    expect(await wallet.receiptPlace(callId)).toMatchObject({ state: 'anchored', epoch: 1n });
    await settling.stop();
    await expect(wallet.receiptPlace(randomBytes(32))).rejects.toMatchObject({ reason: 'NOT_FOUND' });
  });

  it('are taken into use again by a wallet that lost its ledger, a pass at its provider’s count', async () => {
    const [counted, timed] = [await buy(4n, { refundable: true }), await buyTimed()];
    await use(wallet, counted, 'before the loss');
    await use(wallet, timed, 'before the loss');
    await wallet.close();
    const warnings: string[] = [];
    options = { ...options, databaseUrl: await createDatabase(), warn: (message) => warnings.push(message) };
    wallet = await LocalWallet.open(options);
    expect(await wallet.licences()).toEqual([]);
    expect(await wallet.setLicenceSigner(timed, undefined, endpoints())).toMatchObject({ transaction: undefined });
    await wallet.setLicenceSigner(counted, undefined, endpoints());
    expect(warnings).toEqual([expect.stringContaining('sealed at what its provider counts')]);
    for (const id of [counted, timed]) await use(wallet, id, 'after the loss');
    expect(await service.ledger.licences.licence(counted)).toMatchObject({ spent: 2n, signerNumber: 2 });
    expect(await wallet.licences()).toHaveLength(2);
  });
});
