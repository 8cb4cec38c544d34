import { randomBytes } from 'node:crypto';
import { send } from '#contracts/chain.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { type PaidService, publishEcho, startPaidService, text, textOf } from '#test/support/paid-service.js';
import { callPaid, domainOf } from '#test/support/paying.js';
import { startRpcProxy } from '#test/support/rpc-proxy.js';
import { payFor, pinOf, quoteOf, requestOf, walletOptions } from '#test/support/wallets.js';
import { signedBy } from '../signature.js';
import { escrowDomain, hashQuote, signingHash } from '../typed-data.js';
import { LocalWallet, type LocalWalletOptions } from './local-wallet.js';
import { noLimits } from './tokens.js';

describe('a wallet embedded in a program', () => {
  let chain: Chain;
  let service: PaidService;
  let other: PaidService;
  let options: LocalWalletOptions;
  let wallet: LocalWallet;

  beforeAll(async () => {
    chain = await startChain();
    service = await startPaidService({ chain, databaseUrl: await createDatabase(), ...(await publishEcho(chain)) });
    other = await startPaidService({ chain, databaseUrl: await createDatabase(), ...(await publishEcho(chain)) });
    options = walletOptions(chain, await createDatabase());
    await send(chain.account(2), chain.token.mint(options.key.address, 10_000_000n));
    wallet = await LocalWallet.open(options);
  });

  afterAll(async () => {
    await wallet?.close();
    await Promise.all([service?.stop(), other?.stop()]);
    await chain?.stop();
  });

  const channelOf = async (of: PaidService, payer = wallet) =>
    (await payer.channels()).find(({ terms, open }) => open && terms.asset === of.listing.asset)!;

  describe('quotes', () => {
    it('open all channels that they lack in one transaction, and none when the channels hold enough', async () => {
      const pins = [pinOf(service), pinOf(other, { step: 'other' })];
      const { transaction } = await wallet.openQuote(quoteOf(pins));
      const receipt = await chain.provider.getTransactionReceipt(transaction!);
      const opened = receipt!.logs.filter(({ address }) => address.toLowerCase() === chain.deployment.escrow);
      expect(opened).toHaveLength(2);
      expect((await channelOf(service)).deposited).toBe(10_000n);
      expect((await wallet.openQuote(quoteOf(pins))).transaction).toBeUndefined();
    });

    it('are signed by the payer', async () => {
      const { quote } = await wallet.openQuote(quoteOf([pinOf(service)]));
      const hash = signingHash(escrowDomain(domainOf(chain)), hashQuote(quote));
      expect(signedBy(quote.payer, hash, quote.signature)).toBe(true);
      expect(quote.expiresAtSec).toBeGreaterThan(Date.now() / 1000 + 80_000);
    });

    it('are the same for the same id and pins, and refused for others', async () => {
      const request = quoteOf([pinOf(service)]);
      const first = await wallet.openQuote(request);
      expect(await wallet.openQuote(request)).toEqual({ ...first, transaction: undefined });
      const changed = { ...request, pins: [pinOf(service, { maxPerCall: 99n })] };
      await expect(wallet.openQuote(changed)).rejects.toMatchObject({
        reason: 'INVALID_INPUT',
        details: { field: 'quoteId' },
      });
    });

    it('top up a channel that no longer holds what all open quotes may sign', async () => {
      const before = await channelOf(service);
      const request = quoteOf([pinOf(service, { calls: Number(before.deposited / 100n) })]);
      const { transaction } = await wallet.openQuote(request);
      expect(transaction).toBeDefined();
      const after = await channelOf(service);
      expect(after.channelId).toEqual(before.channelId);
      expect(after.deposited).toBeGreaterThan(before.deposited);
      await wallet.closeQuote(request.quoteId);
    });

    it('opened side by side never count on the same money', async () => {
      const { deposited, channelId } = await channelOf(service);
      const requests = [1, 2, 3].map(() => quoteOf([pinOf(service, { calls: Number(deposited / 100n) })]));
      await Promise.all(requests.map((request) => wallet.openQuote(request)));
      const onChain = await chain.escrow.channel(channelId);
      expect(onChain.deposited).toBeGreaterThanOrEqual(3n * deposited);
      await Promise.all(requests.map(({ quoteId }) => wallet.closeQuote(quoteId)));
    });

    it('asked for again while they are being funded are funded once, and free all when they are closed', async () => {
      const { deposited } = await channelOf(service);
      const request = quoteOf([pinOf(service, { calls: Number(deposited / 50n) })]);
      const opened = await Promise.all([wallet.openQuote(request), wallet.openQuote(request)]);
      expect(opened.filter(({ transaction }) => transaction !== undefined)).toHaveLength(1);
      await wallet.closeQuote(request.quoteId);
      const another = { ...request, quoteId: randomBytes(32) };
      expect((await wallet.openQuote(another)).transaction).toBeUndefined();
      await wallet.closeQuote(another.quoteId);
    });

    it('that were closed sign nothing until they are opened again, and keep counting what they spent', async () => {
      const request = quoteOf([pinOf(service, { calls: 2 })]);
      await wallet.openQuote(request);
      await payFor(wallet, service, request.quoteId, text('one'));
      await wallet.closeQuote(request.quoteId);
      const asked = () => wallet.reserve(requestOf(request.quoteId, text('two')));
      await expect(asked()).rejects.toMatchObject({ reason: 'QUOTE_CLOSED' });
      await wallet.openQuote(request);
      await payFor(wallet, service, request.quoteId, text('two'));
      await expect(asked()).rejects.toMatchObject({ reason: 'QUOTE_EXHAUSTED' });
      expect((await wallet.quoteStatus(request.quoteId)).settled).toBe(200n);
    });

    it('are refused before anything moves when they name the wrong operator, a wrong tenure, or too much money', async () => {
      const before = await chain.escrow.balanceOf(options.key.address);
      const refused: [Partial<ReturnType<typeof pinOf>>, string][] = [
        [{ operator: randomBytes(20) }, 'LISTING_NOT_IN_FORCE'],
        [{ tenure: 2 }, 'LISTING_NOT_IN_FORCE'],
        [{ asset: 999n }, 'LISTING_NOT_IN_FORCE'],
        [{ calls: 1_000_000, maxPerCall: 1_000_000n }, 'FUNDS_TOO_LOW'],
        [{ calls: 0 }, 'INVALID_INPUT'],
        [{ listing: randomBytes(31) }, 'INVALID_INPUT'],
        [{ endpoints: [] }, 'INVALID_INPUT'],
      ];
      for (const [change, reason] of refused)
        await expect(
          wallet.openQuote(quoteOf([pinOf(service, change)], { maxTotal: 10n ** 15n })),
        ).rejects.toMatchObject({ reason });
      await expect(wallet.openQuote(quoteOf([pinOf(service), pinOf(service)]))).rejects.toMatchObject({
        reason: 'INVALID_INPUT',
        details: { field: 'pins[1].step' },
      });
      expect(await chain.escrow.balanceOf(options.key.address)).toBe(before);
    });

    it('that are unknown or have no such step are errors that say so', async () => {
      await expect(wallet.reserve(requestOf(randomBytes(32), text('x')))).rejects.toMatchObject({
        reason: 'QUOTE_UNKNOWN',
      });
      const request = quoteOf([pinOf(service)]);
      await wallet.openQuote(request);
      await expect(wallet.reserve(requestOf(request.quoteId, text('x'), { step: 'nowhere' }))).rejects.toMatchObject({
        reason: 'INVALID_INPUT',
        details: { field: 'step' },
      });
    });
  });

  describe('calls', () => {
    it('I10 never pass the quote’s maximum, its pins, or the price', async () => {
      const request = quoteOf([pinOf(service), pinOf(other, { step: 'other' })], { maxTotal: 250n });
      await wallet.openQuote(request);
      await payFor(wallet, service, request.quoteId, text('1'));
      await payFor(wallet, other, request.quoteId, text('2'), { step: 'other' });
      const third = wallet.reserve(requestOf(request.quoteId, text('3')));
      await expect(third).rejects.toMatchObject({ reason: 'QUOTE_EXHAUSTED' });
      const dear = wallet.reserve(requestOf(request.quoteId, text('3'), { maxAmount: 101n }));
      await expect(dear).rejects.toMatchObject({ reason: 'PRICE_ABOVE_LIMIT' });
    });

    it('I7 T31 are charged once when the response was lost and the call is made again', async () => {
      const request = quoteOf([pinOf(service)]);
      await wallet.openQuote(request);
      const spent = async () => (await service.ledger.channel((await channelOf(service)).channelId))!.spent;
      const before = await spent();
      const callId = randomBytes(32);
      const reserve = () => wallet.reserve(requestOf(request.quoteId, text('once'), { callId }));
      const lost = await reserve();
      await callPaid(service.client, '/test.echo.v1.EchoService/Say', text('once'), lost.payment);
      expect(await wallet.settle(callId, 'unclear')).toBe('DOUBT');

      const again = await payFor(wallet, service, request.quoteId, text('once'), { callId });
      expect([textOf(again.reply.bytes), again.state]).toEqual(['once', 'SETTLED']);
      expect(again.reservation.payment.cumulative).toBe(lost.payment.cumulative);
      expect(await spent()).toBe(before + 100n);
      expect((await reserve()).receipt).toEqual(again.reply.receipt);
      expect((await wallet.quoteStatus(request.quoteId)).exposure).toBe(100n);
    });

    it('I9 are refused when their id was used for another request, step, quote or price', async () => {
      const pins = [pinOf(service), pinOf(service, { step: 'second' })];
      const [request, second] = [quoteOf(pins), quoteOf(pins)];
      await wallet.openQuote(request);
      await wallet.openQuote(second);
      const callId = randomBytes(32);
      await wallet.reserve(requestOf(request.quoteId, text('a'), { callId, maxAmount: 90n }));
      const reused = [
        requestOf(request.quoteId, text('b'), { callId, maxAmount: 90n }),
        requestOf(request.quoteId, text('a'), { callId, maxAmount: 91n }),
        requestOf(second.quoteId, text('a'), { callId, maxAmount: 90n }),
      ];
      for (const each of reused) await expect(wallet.reserve(each)).rejects.toMatchObject({ reason: 'CALL_ID_REUSED' });
      await wallet.settle(callId, 'not-charged');
      await expect(wallet.reserve(reused[0]!)).rejects.toMatchObject({ reason: 'CALL_ID_REUSED' });
      expect(await wallet.call(callId)).toMatchObject({ state: 'RELEASED', step: 'say', maxAmount: 90n });
    });

    it('T38 a thousand at once never pass the limit of their token', async () => {
      await wallet.tokens.create('agent', 'SPEND', { ...noLimits, total: 1_050n, perCall: 100n });
      const token = wallet.tokens.list().find(({ name }) => name === 'agent')!;
      const request = quoteOf([pinOf(service, { calls: 10, maxPerCall: 100n })]);
      await wallet.openQuote(request, token);
      const attempts = Array.from({ length: 1_000 }, (_, i) =>
        payFor(
          {
            reserve: (r) => wallet.reserve(r, token),
            settle: (id, end) => wallet.settle(id, end, token),
          } as LocalWallet,
          service,
          request.quoteId,
          text(`call ${i}`),
        ),
      );
      const ends = await Promise.allSettled(attempts);
      expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
      expect(token.settled + token.held + token.loose).toBe(1_000n);
      await expect(wallet.openQuote(quoteOf([pinOf(service, { calls: 1 })]), token)).rejects.toMatchObject({
        reason: 'LIMIT_EXCEEDED',
        details: { limit: '50' },
      });
      // Nor does it spend under what somebody else opened.
      const foreign = quoteOf([pinOf(service)]);
      await wallet.openQuote(foreign);
      await expect(wallet.reserve(requestOf(foreign.quoteId, text('x')), token)).rejects.toMatchObject({
        reason: 'PERMISSION_DENIED',
      });
    });

    it('wait for the first receipt of an asset that is new, and go on together then', async () => {
      const fresh = await startPaidService({
        chain,
        databaseUrl: await createDatabase(),
        ...(await publishEcho(chain)),
      });
      const request = quoteOf([pinOf(fresh, { calls: 40 })]);
      await wallet.openQuote(request);
      let most = 0;
      let running = 0;
      let begun = 0;
      fresh.handlers.say = async (each) => {
        begun++;
        most = Math.max(most, ++running);
        if (begun === 1) expect(running).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, 5));
        running--;
        return each;
      };
      const calls = Array.from({ length: 40 }, (_, i) => payFor(wallet, fresh, request.quoteId, text(`${i}`)));
      expect((await Promise.all(calls)).every(({ state }) => state === 'SETTLED')).toBe(true);
      expect(most).toBeGreaterThan(1);
      expect((await channelOf(fresh)).settled).toBe(4_000n);
      await fresh.stop();
    });

    it('are refused while too many of the channel are open, and not forgotten', async () => {
      const small = await LocalWallet.open({
        ...walletOptions(chain, await createDatabase(), {
          account: 3,
          policy: { inFlightWaitMs: 2_500 },
        }),
      });
      await send(chain.account(3), chain.token.mint(chain.account(3).address, 100_000n));
      const request = quoteOf([pinOf(service)]);
      await small.openQuote(request);
      const first = await small.reserve(requestOf(request.quoteId, text('1')));
      const waiting = small.reserve(requestOf(request.quoteId, text('2')));
      await expect(waiting).rejects.toMatchObject({ reason: 'TOO_MANY_IN_FLIGHT', retryable: true });
      // A call that is open already does not wait for itself.
      const { call } = first.payment;
      const again = requestOf(request.quoteId, text('1'), { callId: call.callId });
      expect((await small.reserve(again)).payment.cumulative).toBe(first.payment.cumulative);
      const next = small.reserve(requestOf(request.quoteId, text('3')));
      await small.settle(call.callId, 'unclear');
      await small.closeQuote(request.quoteId);
      await small.sweep();
      await expect(next).rejects.toMatchObject({ reason: 'QUOTE_CLOSED' });
      await small.close();
    });

    it('need no chain: it may be down while open quotes are spent', async () => {
      const proxy = await startRpcProxy(chain.rpcUrl);
      await send(chain.account(4), chain.token.mint(chain.account(4).address, 100_000n));
      const databaseUrl = await createDatabase();
      const base = walletOptions(chain, databaseUrl, { account: 4 });
      const offline = await LocalWallet.open({ ...base, chain: { ...base.chain, rpcUrl: proxy.url } });
      const request = quoteOf([pinOf(service)]);
      await offline.openQuote(request);
      proxy.decide(() => 'lose request');
      const asked = proxy.seen.length;
      for (let i = 0; i < 3; i++)
        expect((await payFor(offline, service, request.quoteId, text(`${i}`))).state).toBe('SETTLED');
      expect(proxy.seen.length).toBe(asked);
      await expect(offline.openQuote(quoteOf([pinOf(other)]))).rejects.toMatchObject({ reason: 'CHAIN_UNAVAILABLE' });
      await expect(offline.account()).rejects.toMatchObject({ reason: 'CHAIN_UNAVAILABLE' });
      await offline.close();
    });
  });

  it('tells what the payer owns', async () => {
    const { free, inChannels, inToken } = await wallet.account();
    let held = 0n;
    for (const { channelId } of (await wallet.channels()).filter(({ open }) => open)) {
      const { deposited, claimed } = await chain.escrow.channel(channelId);
      held += deposited - claimed;
    }
    expect(inChannels).toBe(held);
    expect(free).toBe(await chain.escrow.balanceOf(options.key.address));
    expect(free + inChannels + inToken).toBe(10_000_000n);
  });
});
