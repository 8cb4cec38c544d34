import { randomBytes } from 'node:crypto';
import { Controller, Module } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { send } from '#contracts/chain.js';
import { WeftError } from '#core/errors.js';
import { startGrpcApp } from '#platform/grpc/start-grpc-app.js';
import { PaymentsDefinition, type VoidRequest, type VoidResponse } from '#protos/weft/payment/v1/payment.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { signsFor, startPayments } from '#test/support/dishonest-provider.js';
import { licensedCall, offerLicence } from '#test/support/licensing.js';
import { onEnd } from '#test/support/on-end.js';
import { type PaidService, publishEcho, SAY, startPaidService, text } from '#test/support/paid-service.js';
import { callPaid, domainOf, newKey } from '#test/support/paying.js';
import { payFor, pinOf, quoteOf, requestOf, walletOptions } from '#test/support/wallets.js';
import { escrowDomain, hashListing, hashVoid, signingHash } from '../typed-data.js';
import { writePayment, writeVoid } from '../wire.js';
import { LocalWallet, type LocalWalletOptions } from './local-wallet.js';

describe('the sweeper', () => {
  let chain: Chain;
  let service: PaidService;
  let published: Awaited<ReturnType<typeof publishEcho>>;
  let options: LocalWalletOptions;
  let wallet: LocalWallet;
  const warnings: string[] = [];

  beforeAll(async () => {
    chain = await startChain();
    published = await publishEcho(chain);
    service = await startPaidService({ chain, databaseUrl: await createDatabase(), ...published });
    options = walletOptions(chain, await createDatabase(), { warn: (message) => warnings.push(message) });
    await send(chain.account(8), chain.token.mint(options.key.address, 1_000_000n));
    wallet = await LocalWallet.open(options);
    // Known from here on, so that many calls may be open.
    const { quoteId } = await openQuote();
    await payFor(wallet, service, quoteId, text('known'));
  });

  afterAll(async () => {
    await wallet.close();
    await service.stop();
    await chain.stop();
  });

  async function openQuote(change: Parameters<typeof pinOf>[1] = {}, payer = wallet) {
    const request = quoteOf([pinOf(service, change)]);
    const { transaction } = await payer.openQuote(request);
    return { ...request, transaction };
  }

  /** A call whose voucher was made and, if wanted, used, and that nobody told the wallet about. */
  async function leftBehind(quoteId: Uint8Array, used: boolean, payer = wallet): Promise<Uint8Array> {
    const request = randomBytes(8).toString('hex');
    const { payment } = await payer.reserve(requestOf(quoteId, text(request)));
    if (used) await callPaid(service.client, `/${SAY}`, text(request), payment);
    return payment.call.callId;
  }

  const stateOf = async (callId: Uint8Array) => (await wallet.call(callId))?.state;

  it('T32 voids what never arrived and learns of what was charged, once the quote is closed', async () => {
    const { quoteId } = await openQuote();
    const used = await leftBehind(quoteId, true);
    const unused = await leftBehind(quoteId, false);
    const unclear = await leftBehind(quoteId, true);
    await wallet.settle(unclear, 'unclear');
    await wallet.sweep();
    // Open quotes' calls may still be retried.
    expect([await stateOf(used), await stateOf(unused), await stateOf(unclear)]).toEqual([
      'RESERVED',
      'RESERVED',
      'DOUBT',
    ]);
    await wallet.closeQuote(quoteId);
    await wallet.sweep();
    expect([await stateOf(used), await stateOf(unused), await stateOf(unclear)]).toEqual([
      'SETTLED',
      'VOID',
      'SETTLED',
    ]);

    const [channel] = await wallet.channels();
    expect(channel!.reserved).toBe(0n);
    expect((await service.ledger.channel(channel!.channelId))!.spent).toBe(channel!.settled);
    // What was voided can never be charged: its voucher is worth nothing to anybody.
    expect((await service.ledger.call(channel!.terms.payer, unused))!.state).toBe('VOID');
  });

  it('gives up calls of an open quote when their retries are long over', async () => {
    const policy = { doubtSec: 60, reservedSec: 120 };
    const patient = await openPayer(3, { policy });
    const { quoteId } = await openQuote({}, patient);
    await payFor(patient, service, quoteId, text('known'));
    const [reserved, doubt] = [await leftBehind(quoteId, false, patient), await leftBehind(quoteId, false, patient)];
    await patient.settle(doubt, 'unclear');
    const states = async () => [(await patient.call(reserved))?.state, (await patient.call(doubt))?.state];
    /** A wallet takes the chain's time from what it reads there. */
    const pass = async (seconds: number, calls: number) => {
      await chain.advance(seconds);
      expect((await openQuote({ calls }, patient)).transaction).toBeDefined();
      await patient.sweep();
    };
    await pass(61, 200);
    expect(await states()).toEqual(['RESERVED', 'VOID']);
    await pass(60, 2_000);
    expect(await states()).toEqual(['VOID', 'VOID']);
  });

  it('a voided call id is never used again', async () => {
    const { quoteId } = await openQuote();
    const asked = requestOf(quoteId, text('void'));
    await wallet.reserve(asked);
    await wallet.closeQuote(quoteId);
    await wallet.sweep();
    await wallet.openQuote(quoteOf([pinOf(service)], { quoteId }));
    await expect(wallet.reserve(asked)).rejects.toMatchObject({ reason: 'CALL_VOID' });
  });

  it('keeps counting what a provider does not answer for, and asks again when it is back', async () => {
    const away = await startPaidService({ chain, databaseUrl: await createDatabase(), ...(await publishEcho(chain)) });
    const request = quoteOf([pinOf(away)]);
    await wallet.openQuote(request);
    const callId = await leftBehind(request.quoteId, false);
    await away.app.close();
    await wallet.closeQuote(request.quoteId);
    await wallet.sweep();
    await wallet.sweep();
    expect(await stateOf(callId)).toBe('RESERVED');
    expect(await wallet.quoteStatus(request.quoteId)).toMatchObject({ exposure: 100n, settled: 0n });
    // The second round did not ask again at once.
    expect(warnings.filter((each) => /did not say what became/.test(each))).toHaveLength(1);
    await away.stop().catch(() => {});
  });

  it('believes a Void only from the operator', async () => {
    let signWith = newKey();
    const asset = await publishEcho(chain);
    const fake = await startGrpcApp({ module: fakePayments(() => signWith, chain), definitions: [PaymentsDefinition] });
    onEnd(() => fake.close());
    const payer = await openPayer(4);
    const request = quoteOf([pinOf({ ...asset, app: fake })]);
    await payer.openQuote(request);
    const { payment } = await payer.reserve(requestOf(request.quoteId, text('x')));
    await payer.closeQuote(request.quoteId);
    await payer.sweep();
    expect((await payer.call(payment.call.callId))?.state).toBe('RESERVED');
    signWith = asset.operator;
    await new Promise((resolve) => setTimeout(resolve, 1_000)); // its pause before it asks again
    await payer.sweep();
    expect((await payer.call(payment.call.callId))?.state).toBe('VOID');
  });

  it('believes a Void of a call with a licence only from the operator as well', async () => {
    let signWith = newKey();
    const asset = await publishEcho(chain);
    const fake = await startGrpcApp({ module: fakePayments(() => signWith, chain), definitions: [PaymentsDefinition] });
    onEnd(() => fake.close());
    const said: string[] = [];
    const warn = (_: string, { reason }: Record<string, unknown>) => said.push(String(reason));
    const payer = await openPayer(5, { policy: { reservedSec: -1 }, warn }); // no retry is waited for
    const { offerId } = await offerLicence(chain, chain.account(1), asset.listing.asset, { kind: 'pass', calls: 2n });
    const listing = hashListing(asset.listing);
    const { licenceId } = await payer.buyLicence({ offerId, listing, maxPrice: undefined });
    const call = licensedCall(asset.listing, SAY, text('x'));
    await payer.signUse(licenceId, call, [`grpc://${fake.address}`]);
    await payer.sweep();
    await payer.sweep();
    expect(said).toEqual(['BAD_SIGNATURE']); // once: it is not asked again at once
    expect((await payer.call(call.callId))?.state).toBe('RESERVED');
    signWith = asset.operator;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await payer.sweep();
    expect((await payer.call(call.callId))?.state).toBe('VOID');
  });

  it('I6 looks after others while one provider shows page after page', async () => {
    const asset = await publishEcho(chain);
    const signed = signsFor(asset.operator, domainOf(chain));
    const nothing = { authorised: 100n, spent: 100n, calls: 1n, atSec: await chain.nowSec() };
    let highest: ReturnType<typeof writePayment> | undefined;
    let pages = 0;
    const endless = await startPayments({
      getChannel: () => ({ statement: signed.statement({ channelId: id, ...nothing }), highest }),
      listReceipts: () => ({ receipts: [strange], nextPageToken: String(++pages) }),
    });
    const own = walletOptions(chain, await createDatabase(), { account: 6, policy: { sweepEveryMs: 20 } });
    await send(chain.account(8), chain.token.mint(own.key.address, 1_000_000n));
    const first = await LocalWallet.open(own);
    const pins = [pinOf({ ...asset, app: { address: endless } }), pinOf(service, { step: 'other' })];
    const { quoteId } = quoteOf(pins);
    await first.openQuote(quoteOf(pins, { quoteId }));
    const { payment } = await first.reserve(requestOf(quoteId, text('x')));
    const other = await first.reserve(requestOf(quoteId, text('y'), { step: 'other' }));
    const id = (await first.channels()).find(({ terms }) => terms.asset === asset.asset)!.channelId;
    const strange = signed.receipt({
      callId: randomBytes(32),
      account: id,
      asset: asset.asset,
      tenure: 1,
      commitment: randomBytes(32),
      responseDigest: randomBytes(32),
      units: 1n,
      amount: 1_000n,
      outcome: 'complete',
      servedAtSec: nothing.atSec,
    });
    highest = writePayment(payment);
    await first.close();

    const second = await LocalWallet.open(own);
    while (pages < 3) await new Promise((resolve) => setTimeout(resolve, 20));
    await second.closeQuote(quoteId);
    while ((await second.call(other.payment.call.callId))?.state !== 'VOID')
      await new Promise((resolve) => setTimeout(resolve, 20));
    const seen = pages;
    while (pages === seen) await new Promise((resolve) => setTimeout(resolve, 20));
    await second.close();
    const after = pages;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(pages).toBeLessThanOrEqual(after + 1);
  });

  async function openPayer(account: number, change: Partial<LocalWalletOptions> = {}): Promise<LocalWallet> {
    const own = walletOptions(chain, await createDatabase(), { account, ...change });
    await send(chain.account(8), chain.token.mint(own.key.address, 1_000_000n));
    const payer = await LocalWallet.open(own);
    onEnd(() => payer.close());
    return payer;
  }
});

/** A provider that answers every Void, signed with whatever key it is given. */
function fakePayments(key: () => ReturnType<typeof newKey>, chain: Chain) {
  @Controller()
  class FakeController {
    @GrpcMethod('Payments', 'Void')
    void({ request }: VoidRequest): VoidResponse {
      const voided = { callId: request!.callId, account: request!.account, atSec: Number(request!.atSec) };
      const signature = key().sign(signingHash(escrowDomain(domainOf(chain)), hashVoid(voided)));
      return { void: writeVoid({ ...voided, signature }) };
    }
    @GrpcMethod('Payments', 'GetChannel') getChannel() {
      throw new WeftError('NOT_FOUND', 'no such channel');
    }
    @GrpcMethod('Payments', 'GetCall') getCall() {}
    @GrpcMethod('Payments', 'GetProof') getProof() {}
    @GrpcMethod('Payments', 'Extend') extend() {}
    @GrpcMethod('Payments', 'ListReceipts') listReceipts() {}
    @GrpcMethod('Payments', 'Reconcile') reconcile() {}
    @GrpcMethod('Payments', 'Close') close() {}
    @GrpcMethod('Payments', 'CountUses') countUses() {}
  }
  @Module({ controllers: [FakeController] })
  class FakeModule {}
  return FakeModule;
}
