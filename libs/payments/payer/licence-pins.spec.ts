import { randomBytes } from 'node:crypto';
import { send } from '#contracts/chain.js';
import type { LicenceOffer } from '#contracts/licences.js';
import { toHex } from '#core/hex.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { callLicensed, offerLicence } from '#test/support/licensing.js';
import { type PaidService, publishEcho, SAY, startPaidService, text } from '#test/support/paid-service.js';
import { pinOf, quoteOf, requestOf, walletOptions } from '#test/support/wallets.js';
import { messageDigest } from '../digests.js';
import { hashListing } from '../typed-data.js';
import { LocalWallet, type LocalWalletOptions } from './local-wallet.js';
import { noLimits } from './tokens.js';
import type { PinRequest } from './wallet.js';

describe('a quote with licences', () => {
  let chain: Chain;
  let service: PaidService;
  let options: LocalWalletOptions;
  let wallet: LocalWallet;

  beforeAll(async () => {
    chain = await startChain();
    service = await startPaidService({ chain, databaseUrl: await createDatabase(), ...(await publishEcho(chain)) });
    await chain.fund(chain.account(2), 100_000n);
    options = walletOptions(chain, await createDatabase());
    wallet = await LocalWallet.open(options);
  });
  afterAll(async () => {
    await wallet?.close();
    await service?.stop();
    await chain?.stop();
  });

  async function buy(terms: Partial<LicenceOffer> = {}): Promise<Uint8Array> {
    const { offerId } = await offerLicence(chain, chain.account(1), service.listing.asset, terms);
    return (await wallet.buyLicence({ offerId, listing: service.digest, maxPrice: undefined })).licenceId;
  }
  const pin = (licence: Uint8Array, change: Partial<PinRequest> = {}): PinRequest =>
    pinOf(service, { licence, maxPerCall: 0n, calls: 2, ...change });
  /** One call with a licence, from its signature to its receipt. */
  async function make(licence: Uint8Array, what: string, quoteId?: Uint8Array): Promise<void> {
    const [callId, request] = [randomBytes(32), text(what)];
    const call = { callId, listing: service.digest, method: SAY, requestDigest: messageDigest(request), maxAmount: 0n };
    const payment = await wallet.signUse(licence, call, [], quoteId);
    const { receipt } = await callLicensed(service.client, `/${SAY}`, request, payment);
    await wallet.settleUse(licence, callId, { receipt: receipt! });
  }

  it('opens no channel and signs no voucher for a step that a licence admits, and remembers it', async () => {
    const licence = await buy();
    const quote = quoteOf([pin(licence)], { maxTotal: 0n });
    const { transaction } = await wallet.openQuote(quote);
    expect(transaction).toBeUndefined();
    expect(await wallet.channels()).toEqual([]);
    const voucher = wallet.reserve(requestOf(quote.quoteId, text('x')));
    await expect(voucher).rejects.toMatchObject({ reason: 'INVALID_INPUT', details: { field: 'step' } });
    await expect(wallet.fundJob(requestOf(quote.quoteId, text('x')))).rejects.toMatchObject({
      reason: 'INVALID_INPUT',
    });
    await wallet.close();
    wallet = await LocalWallet.open(options);
    const { pins } = await wallet.quoteStatus(quote.quoteId);
    expect(pins.map((each) => toHex(each.licence!))).toEqual([toHex(licence)]);
    await wallet.openQuote(quote);
    const other = quoteOf([pin(await buy())], { maxTotal: 0n, quoteId: quote.quoteId });
    await expect(wallet.openQuote(other)).rejects.toMatchObject({
      reason: 'INVALID_INPUT',
      details: { field: 'quoteId' },
    });
  });

  it('counts all steps that share a pass, and what was called with it, but opens again whatever is left', async () => {
    const licence = await buy({ kind: 'pass', calls: 4n });
    const two = [pin(licence), pin(licence, { step: 'again', calls: 3 })];
    await expect(wallet.openQuote(quoteOf(two))).rejects.toMatchObject({
      reason: 'LICENCE_USED_UP',
      details: { left: '4', wanted: '5' },
    });
    const quote = quoteOf([pin(licence), pin(licence, { step: 'again', calls: 2 })]);
    await wallet.openQuote(quote);
    await make(licence, 'served', quote.quoteId);
    await wallet.openQuote(quote);
    await wallet.closeQuote(quote.quoteId);
    await expect(
      wallet.openQuote(quoteOf(two.slice(0, 1).map((each) => ({ ...each, calls: 4 })))),
    ).rejects.toMatchObject({ reason: 'LICENCE_USED_UP', details: { left: '3', wanted: '4' } });
  });

  it('sets aside what it may still call of a pass: two quotes are never opened for the same calls', async () => {
    const licence = await buy({ kind: 'pass', calls: 5n });
    const wants = (calls: number) => quoteOf([pin(licence, { calls })], { maxTotal: 0n });
    const first = wants(3);
    const opened = await Promise.allSettled([first, wants(3)].map((quote) => wallet.openQuote(quote)));
    expect(opened.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    await expect(wallet.openQuote(wants(3))).rejects.toMatchObject({
      reason: 'LICENCE_USED_UP',
      message: expect.stringContaining('has 2 calls left, besides 3 that open quotes have set aside'),
      details: { left: '2', wanted: '3', setAside: '3' },
    });
    const second = wants(2);
    await wallet.openQuote(second);

    // Nor is one of them taken by a call that no quote pinned.
    await expect(make(licence, 'unpinned')).rejects.toMatchObject({
      reason: 'LICENCE_USED_UP',
      retryable: false,
      details: { left: '0', setAside: '5' },
    });

    // A call that was made is one of those that were set aside, not one more.
    await make(licence, 'one of three', first.quoteId);
    await make(licence, 'two of three', first.quoteId);
    await expect(wallet.openQuote(wants(1))).rejects.toMatchObject({ details: { left: '0', setAside: '3' } });
    await wallet.close();
    wallet = await LocalWallet.open(options);
    await expect(wallet.openQuote(wants(1))).rejects.toMatchObject({ details: { left: '0', setAside: '3' } });

    // What a quote has not used is free again when it is closed.
    await wallet.closeQuote(first.quoteId);
    await expect(wallet.openQuote(wants(2))).rejects.toMatchObject({ details: { left: '1', setAside: '2' } });
    await make(licence, 'unpinned, and there is one to spare');
    await expect(wallet.openQuote(wants(1))).rejects.toMatchObject({ details: { left: '0', setAside: '2' } });
  });

  it('lets a call that it signed before be repeated when all others are set aside', async () => {
    const licence = await buy({ kind: 'pass', calls: 2n });
    const callId = randomBytes(32);
    const call = { callId, listing: service.digest, method: SAY, requestDigest: randomBytes(32), maxAmount: 0n };
    const signed = await wallet.signUse(licence, call);
    await wallet.openQuote(quoteOf([pin(licence, { calls: 1 })], { maxTotal: 0n }));
    expect(await wallet.signUse(licence, call)).toEqual(signed);
    const other = wallet.signUse(licence, { ...call, callId: randomBytes(32) });
    await expect(other).rejects.toMatchObject({ reason: 'LICENCE_USED_UP' });
  });

  it('is not for a token with limits, which no price by the call could count', async () => {
    const licence = await buy();
    const secret = await wallet.tokens.create('limited', 'SPEND', { ...noLimits, total: 1_000_000n });
    const token = wallet.tokens.authenticate(secret, 'SPEND');
    await expect(wallet.openQuote(quoteOf([pin(licence)]), token)).rejects.toMatchObject({ reason: 'LIMIT_EXCEEDED' });
    await wallet.openQuote(quoteOf([pinOf(service, { calls: 1 })]), token);
  });

  it('is refused when its licence admits nothing now, for a reason that waiting does not change', async () => {
    const open = (licence: Uint8Array, change: Partial<PinRequest> = {}) =>
      wallet.openQuote(quoteOf([pin(licence, change)]));
    await expect(open(randomBytes(32))).rejects.toMatchObject({ reason: 'NOT_FOUND', retryable: false });
    const { listing, operator, asset } = await publishEcho(chain);
    const elsewhere = { listing: hashListing(listing), operator: operator.address, asset };
    await expect(open(await buy(), elsewhere)).rejects.toMatchObject({ reason: 'LICENCE_FOREIGN' });
    const given = await buy({ transferable: true });
    await send(chain.account(2), chain.licences.transfer(given, chain.account(2).address, chain.account(5).address));
    await expect(open(given)).rejects.toMatchObject({ reason: 'LICENCE_SEALED' });
    await send(chain.account(5), chain.licences.setSigner(given, chain.account(5).address));
    await expect(open(given)).rejects.toMatchObject({ reason: 'LICENCE_FOREIGN', retryable: false });
    const revoked = await buy({ refundable: true, revocable: true });
    await send(chain.account(1), chain.licences.revoke(revoked));
    await expect(open(revoked)).rejects.toMatchObject({ reason: 'LICENCE_ENDED' });
    const short = await buy({ kind: 'rental', spanSec: 60 });
    await chain.advance(61);
    await expect(open(short)).rejects.toMatchObject({ reason: 'LICENCE_EXPIRED' });
  });

  it.each([
    ['licence', { licence: new Uint8Array(31) }],
    ['maxPerCall', { maxPerCall: 1n }],
    ['endpoints', { endpoints: [] }],
    ['job', { job: { evaluator: undefined, spanSec: 7_200, reviewSec: 3_600 } }],
  ])('must have a sensible %s', async (field, change) => {
    const licence = randomBytes(32);
    await expect(wallet.openQuote(quoteOf([pin(licence, change)]))).rejects.toMatchObject({
      reason: 'INVALID_INPUT',
      details: { field: `pins[0].${field}` },
    });
  });
});
