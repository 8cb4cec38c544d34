import { randomBytes } from 'node:crypto';
import { send } from '#contracts/chain.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { signsFor, startPayments } from '#test/support/dishonest-provider.js';
import { onEnd } from '#test/support/on-end.js';
import { type PaidService, publishEcho, startPaidService, text } from '#test/support/paid-service.js';
import { domainOf, newKey } from '#test/support/paying.js';
import { giveMoney } from '#test/support/wallet-process.js';
import { type Paid, payFor, pinOf, quoteOf, requestOf, walletOptions } from '#test/support/wallets.js';
import { type Payment, readReceipt, writePayment, writeReceipt } from '../wire.js';
import { LocalWallet, type LocalWalletOptions } from './local-wallet.js';

const HOUR = 3_600;
const DAY = 24 * HOUR;

describe('a channel’s life', () => {
  let chain: Chain;
  let published: Awaited<ReturnType<typeof publishEcho>>;
  let service: PaidService;
  let account = 10;

  beforeAll(async () => {
    chain = await startChain();
  });

  afterAll(() => chain.stop());

  async function setUp(change: Partial<LocalWalletOptions> = {}): Promise<LocalWallet> {
    published = await publishEcho(chain);
    const started = await startPaidService({ chain, databaseUrl: await createDatabase(), ...published });
    onEnd(() => started.stop().catch(() => {}));
    service = started;
    const options = walletOptions(chain, await createDatabase(), { account: account++, ...change });
    await giveMoney(chain, options.key.address, 100_000n);
    const wallet = await LocalWallet.open(options);
    onEnd(() => wallet.close());
    return wallet;
  }

  const openChannels = async (wallet: LocalWallet) => (await wallet.channels()).filter(({ open }) => open);

  async function openQuote(wallet: LocalWallet, expiresAtSec = 0) {
    const request = quoteOf([pinOf(service)], { expiresAtSec });
    const { transaction } = await wallet.openQuote(request);
    return { ...request, transaction };
  }

  it('ends with the provider’s agreement, and the rest comes back at once', async () => {
    const wallet = await setUp();
    const request = await openQuote(wallet);
    await payFor(wallet, service, request.quoteId, text('paid'));
    const [channel] = await openChannels(wallet);
    await expect(wallet.closeChannel(channel!.channelId)).rejects.toMatchObject({
      reason: 'INVALID_INPUT',
      details: { field: 'channelId' },
    });
    expect((await openChannels(wallet))[0]!.open).toBe(true);

    const unused = await wallet.reserve(requestOf(request.quoteId, text('unused')));
    await wallet.closeQuote(request.quoteId);
    const before = await wallet.account();
    const { returned, transaction } = await wallet.closeChannel(channel!.channelId);
    expect(transaction).toMatch(/^0x/);
    expect(returned).toBe(channel!.deposited - 100n);
    const after = await wallet.account();
    expect(after).toMatchObject({ free: before.free + returned, inChannels: 0n });
    expect((await wallet.call(unused.payment.call.callId))?.state).toBe('VOID');
    expect(await chain.escrow.income(channel!.terms.asset, 1)).toMatchObject({ earned: 100n });
    await expect(wallet.closeChannel(channel!.channelId)).rejects.toMatchObject({ reason: 'CHANNEL_CLOSED' });

    // Another one is opened for whatever comes next.
    const next = await openQuote(wallet);
    expect((await payFor(wallet, service, next.quoteId, text('next'))).state).toBe('SETTLED');
  });

  describe('whose provider signs receipts for calls that were never made', () => {
    /** Tells of one paid call and of another that nobody made, which takes all the rest. */
    async function startLiar() {
      let known: { payment: Payment; receipt: Parameters<typeof writeReceipt>[0] } | undefined;
      const { operator } = published;
      const signed = signsFor(operator, domainOf(chain));
      const deposit = 5_000n;
      const madeUp = () => signed.receipt({ ...known!.receipt, callId: randomBytes(32), amount: deposit - 100n });
      const address = await startPayments({
        getChannel: () => {
          const { payment, receipt } = known!;
          const statement = {
            channelId: receipt.account,
            authorised: 100n,
            spent: deposit,
            calls: 2n,
            atSec: receipt.servedAtSec,
          };
          return { statement: signed.statement(statement), highest: writePayment(payment) };
        },
        listReceipts: () => ({ receipts: [madeUp(), writeReceipt(known!.receipt)], nextPageToken: '' }),
        close: ({ request }) => ({
          close: signed.close({
            channelId: request!.channelId,
            spent: deposit,
            deadlineSec: Number(request!.deadlineSec),
          }),
        }),
      });
      return {
        address,
        madeUp: () => readReceipt(madeUp()),
        learn: ({ reservation, reply }: Paid) => {
          known = { payment: reservation.payment, receipt: reply.receipt! };
        },
      };
    }

    it('I6 gives him no more than was signed for', async () => {
      const wallet = await setUp();
      const liar = await startLiar();
      const request = quoteOf([pinOf({ ...service, app: liar })]);
      await wallet.openQuote(request);
      liar.learn(await payFor(wallet, service, request.quoteId, text('paid')));
      await wallet.closeQuote(request.quoteId);
      const [channel] = await openChannels(wallet);
      expect(channel!.deposited).toBe(5_000n);
      const answered = liar.madeUp();
      await expect(wallet.settle(answered.callId, { receipt: answered })).rejects.toMatchObject({
        reason: 'RECEIPT_INVALID',
      });
      await expect(wallet.closeChannel(channel!.channelId)).rejects.toMatchObject({
        reason: 'RECEIPT_INVALID',
        details: { spent: '5000', settled: '100' },
      });
      expect(await chain.escrow.channel(channel!.channelId)).toMatchObject({ status: 'open', claimed: 0n });
      expect((await openChannels(wallet))[0]).toMatchObject({ settled: 100n, signed: 100n });
    });

    it('I11 tells a new ledger no more than that either', async () => {
      const options: Partial<LocalWalletOptions> = { channelSeed: randomBytes(32) };
      const first = await setUp(options);
      const liar = await startLiar();
      const pins = [pinOf({ ...service, app: liar })];
      const request = quoteOf(pins);
      await first.openQuote(request);
      liar.learn(await payFor(first, service, request.quoteId, text('paid')));
      await first.close();
      const second = await LocalWallet.open(
        walletOptions(chain, await createDatabase(), { account: account - 1, ...options }),
      );
      onEnd(() => second.close());
      await second.openQuote(quoteOf(pins));
      expect(await openChannels(second)).toMatchObject([{ settled: 100n, signed: 100n }]);
    });
  });

  it('I5 ends without anybody’s help once it is past its release', async () => {
    const wallet = await setUp({ policy: { channelSpanSec: DAY, expiryMarginSec: 0 } });
    const request = await openQuote(wallet, (await chain.nowSec()) + HOUR);
    await payFor(wallet, service, request.quoteId, text('paid'));
    const [channel] = await openChannels(wallet);
    await service.app.close();
    await expect(wallet.closeChannel(channel!.channelId)).rejects.toBeDefined();
    await chain.advance(DAY + HOUR);
    const { returned } = await wallet.closeChannel(channel!.channelId);
    // Its provider claimed nothing in time, and has lost it.
    expect(returned).toBe(channel!.deposited);
    expect(await openChannels(wallet)).toEqual([]);
  });

  it('is filled once for a quote that is asked for again before it was answered', async () => {
    const wallet = await setUp();
    const request = quoteOf([pinOf(service)]);
    const answers = await Promise.all([1, 2, 3].map(() => wallet.openQuote(request)));
    expect(answers.map(({ transaction }) => transaction !== undefined)).toEqual([true, false, false]);
    expect((await payFor(wallet, service, request.quoteId, text('paid'))).state).toBe('SETTLED');
    const [channel, ...others] = await openChannels(wallet);
    expect([channel!.deposited, others]).toEqual([5_000n, []]);
    await wallet.closeQuote(request.quoteId);
    // Nothing of it is left that would need the channel.
    expect(await wallet.closeChannel(channel!.channelId)).toMatchObject({ returned: 4_900n });
  });

  it('is prolonged when a quote outlives it, and replaced when it has run out', async () => {
    const wallet = await setUp({ policy: { channelSpanSec: 3 * DAY, expiryMarginSec: DAY } });
    const now = await chain.nowSec();
    await openQuote(wallet, now + DAY);
    const [first] = await openChannels(wallet);
    expect((await openQuote(wallet, now + DAY)).transaction).toBeUndefined();
    const { transaction } = await openQuote(wallet, now + 4 * DAY);
    expect(transaction).toBeDefined();
    const [longer] = await openChannels(wallet);
    expect(longer!.channelId).toEqual(first!.channelId);
    expect(longer!.expiresAtSec).toBeGreaterThanOrEqual(now + 5 * DAY);

    await chain.advance(6 * DAY);
    const late = await openQuote(wallet, now + 7 * DAY);
    expect(late.transaction).toBeDefined();
    const replaced = await openChannels(wallet);
    expect(replaced).toHaveLength(2);
    expect((await payFor(wallet, service, late.quoteId, text('late'))).reservation.payment.terms.salt).not.toBe(
      first!.terms.salt,
    );
  });

  it('ends with the tenure it pays: the next owner gets a channel of his own', async () => {
    const wallet = await setUp();
    const request = await openQuote(wallet);
    await payFor(wallet, service, request.quoteId, text('paid'));
    const [owner, buyer] = [chain.account(1), chain.account(8)];
    const operator = newKey();
    const { asset } = published.listing;
    await send(owner, chain.assets.transfer(asset, owner.address, buyer.address));
    await send(buyer, chain.assets.setOperator(asset, operator.address));
    const pin = pinOf({ ...service, operator, listing: { ...service.listing, tenure: 2 } });
    const { transaction } = await wallet.openQuote(quoteOf([pin]));
    expect(transaction).toBeDefined();
    await expect(wallet.openQuote(quoteOf([pinOf(service)]))).rejects.toMatchObject({ reason: 'LISTING_NOT_IN_FORCE' });
    expect((await openChannels(wallet)).map(({ terms }) => terms.tenure).sort()).toEqual([1, 2]);
  });

  it('is refused to a payer who cannot fill it, before anything is sent', async () => {
    const wallet = await setUp();
    const dear = quoteOf([pinOf(service, { maxPerCall: 90_000n, calls: 2 })]);
    await expect(wallet.openQuote(dear)).rejects.toMatchObject({
      reason: 'FUNDS_TOO_LOW',
      details: { needed: '180000', free: '0', inToken: '100000' },
    });
    expect(await wallet.channels()).toEqual([]);
    // What is affordable is not inflated beyond it.
    await wallet.openQuote(quoteOf([pinOf(service, { maxPerCall: 90_000n, calls: 1 })]));
    expect(await wallet.account()).toMatchObject({ inChannels: 90_000n, inToken: 10_000n });
  });

  it('is at least as large as its asset’s listing wants', async () => {
    const wallet = await setUp({ policy: { runsAhead: 1 } });
    await wallet.openQuote(quoteOf([pinOf(service, { calls: 1 })]));
    expect((await openChannels(wallet))[0]!.deposited).toBe(service.listing.minChannel);
  });
});
