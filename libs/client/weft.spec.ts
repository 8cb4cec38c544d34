import { randomBytes } from 'node:crypto';
import { jest } from '@jest/globals';
import { WeftError } from '#core/errors.js';
import type { LocalWallet } from '#payments/payer/local-wallet.js';
import { EntitiesServiceDefinition } from '#protos/models/entities/v1/entities.js';
import { LanguageServiceDefinition } from '#protos/models/language/v1/language.js';
import { startWallet } from '#test/support/local-wallet.js';
import { type Market, startMarket } from '#test/support/market.js';
import { marketplaceOf } from '#test/support/nowhere.js';
import { onEnd } from '#test/support/on-end.js';
import { type PaidWords, SENTIMENT, STREAM, startPaidWords } from '#test/support/paid-words.js';
import { startRpcProxy } from '#test/support/rpc-proxy.js';
import type { Marketplace } from './marketplace.js';
import { openParts } from './parts.js';
import { Weft } from './weft.js';

const SERVICE = EntitiesServiceDefinition.fullName;

describe('client of a marketplace', () => {
  let market: Market;
  let words: PaidWords;
  let dearer: PaidWords;
  let wallet: LocalWallet;
  let marketplace: Marketplace;
  let weft: Weft;
  let rpc: Awaited<ReturnType<typeof startRpcProxy>>;

  beforeAll(async () => {
    market = await startMarket();
    rpc = await startRpcProxy(market.chain.rpcUrl);
    [words, dearer] = [await startPaidWords(market, { price: 100n }), await startPaidWords(market, { price: 150n })];
    const { chainId, ...contracts } = market.chain.deployment;
    const chain = { ...contracts, rpcUrl: rpc.url, chainId, confirmations: 0, fromBlock: 0 };
    wallet = await startWallet(market.chain, { chain });
    marketplace = marketplaceOf({ contracts, registry: market.registry.address, rpcUrl: rpc.url });
    weft = new Weft(marketplace, openParts(marketplace, wallet), async () => {});
  });

  afterAll(async () => {
    await weft?.close();
    await wallet?.close();
    await words?.stop();
    await dearer?.stop();
    await market?.stop();
  });

  beforeEach(() => {
    words.calls.length = 0;
    dearer.calls.length = 0;
  });

  const spent = async () => {
    await weft.parts.caller.flush();
    return (await wallet.channels()).reduce((sum, { settled }) => sum + settled, 0n);
  };

  it('calls the cheapest offer, typed, and pays for what it did', async () => {
    const before = await spent();
    const client = await weft.service(EntitiesServiceDefinition, { maxPrice: '1000', maxTotal: '5000' });
    const { entities } = await client.extract({ text: 'two words' });
    expect(entities.map(({ text }) => text)).toEqual(['two', 'words']);
    const { response, receipt, signer } = await client.extract.withReceipt({ text: 'one' });
    expect(response.entities).toHaveLength(1);
    expect(receipt).toMatchObject({ amount: 100n, asset: words.listing.asset });
    expect(signer).toEqual(words.operator.address);
    expect(dearer.calls).toEqual([]);
    await client.close();
    expect((await spent()) - before).toBe(200n);
  });

  it('streams, whole or message by message, and makes free calls', async () => {
    const client = await weft.service(EntitiesServiceDefinition, { maxPrice: '1000', maxTotal: '5000' });
    const seen: (string | undefined)[] = [];
    for await (const { entity } of client.streamEntities({ text: 'a b c' })) seen.push(entity?.text);
    expect(seen).toEqual(['a', 'b', 'c']);
    const { response, receipt } = await client.streamEntities.withReceipt({ text: 'a b' });
    expect([response.length, receipt?.amount]).toEqual([2, 20n]);
    expect((await client.sentiment.withReceipt({ text: 'a' })).receipt).toBeUndefined();
    await client.close();
  });

  it('asks the chain nothing on the way of a call', async () => {
    const client = await weft.service(EntitiesServiceDefinition, { maxPrice: '1000', maxTotal: '5000' });
    await client.extract({ text: 'warm' });
    const before = rpc.seen.length;
    for (let i = 0; i < 20; i++) await client.extract({ text: `call ${i}` });
    await weft.parts.caller.flush();
    expect(rpc.seen.slice(before)).toEqual([]);
    await client.close();
  });

  it('I10 ends when what it may spend is spent, and frees the rest when it is closed', async () => {
    const before = await spent();
    const client = await weft.service(EntitiesServiceDefinition, { maxPrice: '1000', maxTotal: '1050' });
    const calls = Array.from({ length: 15 }, (_, i) => client.extract({ text: `${i}` }));
    const ends = await Promise.allSettled(calls);
    const refused = ends.filter((end) => end.status === 'rejected');
    expect(refused.map(({ reason }) => reason.reason)).toEqual(Array(5).fill('QUOTE_EXHAUSTED'));
    await client.close();
    expect((await spent()) - before).toBe(1_000n);
    await expect(client.extract({ text: 'after' })).rejects.toMatchObject({ reason: 'QUOTE_CLOSED' });
  });

  it('T31 answers calls of the same run key again, and pays them once', async () => {
    const runKey = randomBytes(32);
    const say = async () => {
      const client = await weft.service(EntitiesServiceDefinition, { maxPrice: '1000', maxTotal: '1000', runKey });
      return client.extract.withReceipt({ text: 'once' });
    };
    const before = await spent();
    const [first, again] = [await say(), await say()];
    expect(again.receipt).toEqual(first.receipt);
    expect(words.calls).toEqual(['once']);
    expect((await spent()) - before).toBe(100n);
  });

  describe('limits and choices', () => {
    it('T34 refuses before anything is paid when all offers are above the price', async () => {
      const before = await wallet.account();
      await expect(
        weft.service(EntitiesServiceDefinition, { maxPrice: { extract: '99' }, maxTotal: '1000' }),
      ).rejects.toMatchObject({ reason: 'PRICE_ABOVE_LIMIT', details: { price: '100', maxPrice: '99' } });
      expect(await wallet.account()).toEqual(before);
    });

    it('leaves out methods above the price, and says so when they are called', async () => {
      const client = await weft.service(EntitiesServiceDefinition, { maxPrice: '500', maxTotal: '1000' });
      await client.extract({ text: 'fine' });
      await expect(client.streamEntities.withReceipt({ text: 'too dear' })).rejects.toMatchObject({
        reason: 'QUOTE_UNKNOWN',
        details: { step: 'streamEntities' },
      });
      await client.close();
    });

    it('refuses a total that pays for no call', async () => {
      await expect(
        weft.service(EntitiesServiceDefinition, { maxPrice: { extract: '1000' }, maxTotal: '99' }),
      ).rejects.toMatchObject({ reason: 'QUOTE_ABOVE_LIMIT' });
    });

    it('takes the listing or asset that is named, dear as it is', async () => {
      for (const named of [
        { listing: `0x${dearer.digest.toString('hex')}` },
        { asset: String(dearer.listing.asset) },
      ]) {
        const client = await weft.service(EntitiesServiceDefinition, { maxPrice: '1000', maxTotal: '2000', ...named });
        const { receipt } = await client.extract.withReceipt({ text: 'dear' });
        expect(receipt).toMatchObject({ amount: 150n, asset: dearer.listing.asset });
        await client.close();
      }
    });

    it('refuses a listing whose contract is another than the caller was compiled for', async () => {
      const contract = `0x${'ab'.repeat(32)}`;
      await expect(
        weft.service(EntitiesServiceDefinition, { maxPrice: '1000', maxTotal: '1000', contract }),
      ).rejects.toMatchObject({ reason: 'CONTRACT_MISMATCH' });
    });

    it('says that nobody offers a service', async () => {
      await expect(
        weft.service(LanguageServiceDefinition, { maxPrice: '1000', maxTotal: '1000' }),
      ).rejects.toMatchObject({ reason: 'LISTING_UNKNOWN' });
    });

    it('prefers who answers fastest; who does not answer is not taken', async () => {
      const gone = await startPaidWords(market, { price: 50n });
      await gone.stop();
      const client = await weft.service(EntitiesServiceDefinition, {
        maxPrice: '1000',
        maxTotal: '2000',
        prefer: 'fastest',
      });
      const { receipt } = await client.extract.withReceipt({ text: 'quick' });
      expect([words.listing.asset, dearer.listing.asset]).toContain(receipt?.asset);
      await client.close();
    });
  });

  describe('with JSON', () => {
    const named = () => String(words.listing.asset);

    it('calls any listing by what the registry knows of its contract', async () => {
      const { response, receipt, listing } = await weft.call(named(), 'Extract', { text: 'a b' });
      expect(response).toEqual({
        entities: [
          { type: 'WORD', text: 'a' },
          { type: 'WORD', text: 'b' },
        ],
      });
      expect(receipt).toMatchObject({ amount: 100n });
      expect(listing).toBe(`0x${words.digest.toString('hex')}`);
      const stream = await weft.call(named(), STREAM, { text: 'x y' });
      expect(stream.response).toEqual([
        { entity: { type: 'WORD', text: 'x' } },
        { entity: { type: 'WORD', text: 'y' } },
      ]);
      expect((await weft.call(named(), SENTIMENT, { text: 'x' })).receipt).toBeUndefined();
    });

    it('gives what was paid also when the wallet has gone before its quote is closed', async () => {
      const gone = new WeftError('WALLET_UNAVAILABLE', 'the wallet has gone');
      const close = jest.spyOn(wallet, 'closeQuote').mockRejectedValueOnce(gone);
      const { response, receipt } = await weft.call(named(), 'Extract', { text: 'a' });
      expect(close).toHaveBeenCalledTimes(1);
      expect(response).toEqual({ entities: [{ type: 'WORD', text: 'a' }] });
      expect(receipt).toMatchObject({ amount: 100n });
    });

    it.each([
      ['the path of a field that does not fit', 'Extract', { text: 5 }, 'INVALID_JSON'],
      ['a field that is not there', 'Extract', { txt: 'x' }, 'INVALID_JSON'],
      ['a method that is not there', 'Translate', {}, 'UNKNOWN_METHOD'],
    ])('refuses, unpaid, naming %s', async (_what, method, json, reason) => {
      const before = await spent();
      await expect(weft.call(named(), method, json)).rejects.toMatchObject({ reason });
      expect(await spent()).toBe(before);
    });

    it('refuses a listing that nobody knows', async () => {
      await expect(weft.call('9999', 'Extract', {})).rejects.toMatchObject({ reason: 'LISTING_UNKNOWN' });
      await expect(weft.call(`0x${'00'.repeat(32)}`, 'Extract', {})).rejects.toMatchObject({
        reason: 'LISTING_UNKNOWN',
      });
    });

    it('pays no more than the caller allows', async () => {
      await expect(weft.call(named(), 'Extract', { text: 'x' }, { maxPrice: '99' })).rejects.toMatchObject({
        reason: 'PRICE_ABOVE_LIMIT',
      });
    });
  });

  it('says which part is down', async () => {
    const lost = marketplaceOf();
    const nobody = new Weft(lost, openParts(lost, wallet), async () => {});
    onEnd(() => nobody.parts.market.close());
    await expect(nobody.call(SERVICE, 'Extract', {})).rejects.toMatchObject({ reason: 'REGISTRY_UNAVAILABLE' });
    const noChain = { ...marketplace, rpcUrl: lost.rpcUrl };
    const blind = new Weft(noChain, openParts(noChain, wallet), async () => {});
    onEnd(() => blind.parts.market.close());
    await expect(blind.call(SERVICE, 'Extract', {})).rejects.toMatchObject({ reason: 'CHAIN_UNAVAILABLE' });
  });
});
