import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { HDNodeWallet } from 'ethers';
import { readContract } from '#client/contract/read-contract.js';
import { Assets, mintedAsset } from '#contracts/assets.js';
import { send } from '#contracts/chain.js';
import { connectChain } from '#contracts/chain-provider.js';
import { fromHex } from '#core/hex.js';
import { SigningKey } from '#payments/signature.js';
import { assetsDomain, type Domain, hashListing, type Listing, signingHash } from '#payments/typed-data.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { onEnd } from '#test/support/on-end.js';
import { startRpcProxy } from '#test/support/rpc-proxy.js';
import { docsDigest, writeDocs } from './listing-docs.js';
import type { SignedListing } from './listing-wire.js';
import { ListingVerifier, type ListingVerifierOptions } from './verify-listing.js';

const ocr = readContract(readFileSync('protos/gen/weft.binpb'), 'models.ocr.v1.OcrService');
const docs = writeDocs({ title: 'OCR' });

describe('ListingVerifier', () => {
  let chain: Chain;
  let owner: HDNodeWallet;
  let domain: Domain;
  let escrow: Uint8Array;
  beforeAll(async () => {
    chain = await startChain();
    owner = chain.account(1);
    const { chainId, assets } = chain.deployment;
    domain = { chainId, verifyingContract: fromHex(assets, 'assets', 20) };
    escrow = fromHex(chain.deployment.escrow, 'escrow', 20);
  });
  afterAll(() => chain.stop());

  const sign = (listing: Listing, key: SigningKey): SignedListing => ({
    listing,
    signature: key.sign(signingHash(assetsDomain(domain), hashListing(listing))),
    docs,
  });

  /** A new asset with its operator, and a way to offer something with it. */
  async function newAsset() {
    const operator = new SigningKey(randomBytes(32));
    const receipt = await send(owner, chain.assets.mint({ operator: operator.address }));
    const asset = mintedAsset(receipt, chain.deployment.assets);
    const make = (change: Partial<Listing> = {}, key = operator): SignedListing =>
      sign(
        {
          asset,
          tenure: 1,
          version: 1,
          previous: Buffer.alloc(32),
          contractDigest: ocr.digest,
          prices: [
            { method: 'models.ocr.v1.OcrService/Recognize', kind: 'fixed', unit: '', rate: 5n, per: 1n, maxAmount: 5n },
          ],
          endpoints: ['grpc://127.0.0.1:1'],
          docsDigest: docsDigest(docs),
          escrow,
          minChannel: 0n,
          honourSec: 600,
          retainSec: 86_400,
          publishedAtSec: 1,
          ...change,
        },
        key,
      );
    const publish = async (change: Partial<Listing> = {}, key = operator): Promise<SignedListing> => {
      const signed = make(change, key);
      await send(owner, chain.assets.publish(asset, hashListing(signed.listing), signed.listing.version));
      return signed;
    };
    return { asset, operator, make, publish };
  }

  const verifier = (options: Partial<ListingVerifierOptions> = {}) =>
    new ListingVerifier({ assets: chain.assets, domain, escrow, lifetimeMs: 0, ...options });

  it('takes what the owner put in force and the operator signed', async () => {
    const { operator, publish } = await newAsset();
    const signed = await publish();
    const verified = await verifier().verify(signed, ocr);
    expect(verified).toMatchObject({ listing: signed.listing, docs: { title: 'OCR' }, honouredUntilSec: undefined });
    expect(Buffer.from(verified.operator)).toEqual(operator.address);
    expect(verified.digest).toEqual(hashListing(signed.listing));
  });

  it('T34 T58 refuses a listing of which anything was changed after it was put in force', async () => {
    const { make, publish } = await newAsset();
    const { listing } = await publish();
    for (const change of [
      { prices: [{ ...listing.prices[0]!, rate: 4n, maxAmount: 4n }] },
      { endpoints: ['grpc://127.0.0.1:2'] },
      { minChannel: 1n },
      { docsDigest: Buffer.alloc(32, 1) },
    ])
      await expect(verifier().verify(make(change), ocr)).rejects.toMatchObject({ reason: 'LISTING_NOT_IN_FORCE' });
  });

  it('refuses what was never put in force, delisted, of no asset, or of an asset without an operator', async () => {
    const { asset, make, publish } = await newAsset();
    const rejected = expect.objectContaining({ reason: 'LISTING_NOT_IN_FORCE' });
    await expect(verifier().verify(make(), ocr)).rejects.toEqual(rejected);
    await expect(verifier().verify(make({ asset: 999_999n }), ocr)).rejects.toEqual(rejected);
    const signed = await publish();
    await send(owner, chain.assets.setOperator(asset));
    await expect(verifier().verify(signed, ocr)).rejects.toEqual(rejected);
    await send(owner, chain.assets.delist(asset));
    await expect(verifier().verify(signed, ocr)).rejects.toEqual(rejected);
  });

  it('refuses a listing that says another tenure or version of itself than the chain has', async () => {
    for (const change of [{ tenure: 2 }, { version: 3 }]) {
      const { asset, make } = await newAsset();
      const signed = make(change);
      await send(owner, chain.assets.publish(asset, hashListing(signed.listing), 1));
      await expect(verifier().verify(signed, ocr)).rejects.toMatchObject({ reason: 'LISTING_NOT_IN_FORCE' });
    }
  });

  it('refuses a signature of anybody but an operator of this tenure', async () => {
    const { asset, operator, publish } = await newAsset();
    const stranger = new SigningKey(randomBytes(32));
    const signed = await publish({}, stranger);
    await expect(verifier().verify(signed, ocr)).rejects.toMatchObject({ reason: 'BAD_SIGNATURE' });
    const zero = { ...signed, signature: Buffer.alloc(64) };
    await expect(verifier().verify(zero, ocr)).rejects.toMatchObject({ reason: 'BAD_SIGNATURE' });
    // The operator of before may have signed what is still in force.
    await send(owner, chain.assets.setOperator(asset, stranger.address));
    const byFirst = sign({ ...signed.listing, version: 2, previous: hashListing(signed.listing) }, operator);
    await send(owner, chain.assets.publish(asset, hashListing(byFirst.listing), 2));
    expect(Buffer.from((await verifier().verify(byFirst, ocr)).operator)).toEqual(stranger.address);
  });

  it('T37 refuses another escrow than the pinned one, whatever the chain says', async () => {
    const { publish } = await newAsset();
    const signed = await publish({ escrow: Buffer.alloc(20, 6) });
    await expect(verifier().verify(signed, ocr)).rejects.toMatchObject({ reason: 'WRONG_ESCROW' });
  });

  it('T23 believes nothing of an asset that a second node does not show as well', async () => {
    const wire = await startRpcProxy(chain.rpcUrl);
    const provider = await connectChain(wire.url);
    onEnd(() => provider.destroy());
    const { asset, publish } = await newAsset();
    const signed = await publish();
    const careful = verifier({ witness: new Assets(chain.deployment.assets, provider), lifetimeMs: 60_000 });
    const doubts: [Parameters<typeof wire.decide>[0], Parameters<typeof wire.distort>[0]][] = [
      [() => 'pass', (method, answer) => (method === 'eth_call' ? answer.replace(/.{8}"}$/, '00000000"}') : answer)],
      [() => 'lose answer', (_, answer) => answer],
    ];
    for (const [decide, distort] of doubts) {
      wire.decide(decide);
      wire.distort(distort);
      await expect(careful.verify(signed, ocr)).rejects.toMatchObject({ reason: 'CHAIN_UNAVAILABLE' });
    }
    wire.decide(() => 'pass');
    wire.distort((_, answer) => answer);
    expect((await careful.verify(signed, ocr)).listing.asset).toBe(asset);
  });

  it('T2 refuses a listing that was signed for another chain', async () => {
    const { asset, operator, make } = await newAsset();
    const { listing } = make();
    const otherChain = assetsDomain({ ...domain, chainId: domain.chainId + 1n });
    await send(owner, chain.assets.publish(asset, hashListing(listing), 1));
    const signed = { listing, docs, signature: operator.sign(signingHash(otherChain, hashListing(listing))) };
    await expect(verifier().verify(signed, ocr)).rejects.toMatchObject({ reason: 'BAD_SIGNATURE' });
  });

  it('refuses another contract, and prices for methods that the contract has not', async () => {
    const { make } = await newAsset();
    const other = readContract(readFileSync('protos/gen/weft.binpb'), 'models.language.v1.LanguageService');
    await expect(verifier().verify(make(), other)).rejects.toMatchObject({ reason: 'CONTRACT_MISMATCH' });
    const { listing } = make();
    for (const method of ['models.ocr.v1.OcrService/Other', 'models.other.v1.OcrService/Recognize'])
      await expect(verifier().verify(make({ prices: [{ ...listing.prices[0]!, method }] }), ocr)).rejects.toMatchObject(
        { reason: 'LISTING_INVALID', details: { field: 'prices[0].method' } },
      );
  });

  it('takes a replaced listing while it is honoured, if the new one names it, and not a second longer', async () => {
    const { publish } = await newAsset();
    const first = await publish();
    const second = await publish({ version: 2, previous: hashListing(first.listing) });
    const known = new Map([[hashListing(second.listing).toString('hex'), second]]);
    const newer: ListingVerifierOptions['newer'] = async (digest) => known.get(Buffer.from(digest).toString('hex'));
    const listedAtSec = await chain.nowSec();
    const at = (sec: number) => ({ newer, now: () => sec * 1000 });
    const verified = await verifier(at(listedAtSec + 599)).verify(first, ocr);
    expect(verified.honouredUntilSec).toBe(listedAtSec + 600);
    await expect(verifier(at(listedAtSec + 600)).verify(first, ocr)).rejects.toMatchObject({
      reason: 'LISTING_SUPERSEDED',
    });
    await expect(verifier().verify(first, ocr)).rejects.toMatchObject({ reason: 'LISTING_NOT_IN_FORCE' });
    // What was verified before is not honoured for longer either.
    let nowSec = listedAtSec + 590;
    const cached = verifier({ newer, lifetimeMs: 60_000, now: () => nowSec * 1000 });
    await cached.verify(first, ocr);
    nowSec = listedAtSec + 601;
    await expect(cached.verify(first, ocr)).rejects.toMatchObject({ reason: 'LISTING_SUPERSEDED' });

    const third = await publish({ version: 3, previous: hashListing(second.listing) });
    known.set(hashListing(third.listing).toString('hex'), third);
    await expect(verifier(at(listedAtSec + 10)).verify(first, ocr)).rejects.toMatchObject({
      reason: 'LISTING_NOT_IN_FORCE',
    });
    await verifier(at(listedAtSec + 10)).verify(second, ocr);
  });

  it('refuses the seller’s listing after a sale, at the latest one lifetime after it', async () => {
    const { asset, publish } = await newAsset();
    const signed = await publish();
    let nowMs = Date.now();
    const cached = verifier({ lifetimeMs: 60_000, now: () => nowMs });
    await cached.verify(signed, ocr);
    await send(owner, chain.assets.transfer(asset, owner.address, chain.account(2).address));
    nowMs += 59_999;
    await cached.verify(signed, ocr);
    nowMs += 1;
    await expect(cached.verify(signed, ocr)).rejects.toMatchObject({ reason: 'LISTING_NOT_IN_FORCE' });
  });

  it('asks the chain once in a lifetime, however often and at once it verifies', async () => {
    const { publish } = await newAsset();
    const signed = await publish();
    let asked = 0;
    const call = chain.provider.call.bind(chain.provider);
    chain.provider.call = (...args) => {
      asked++;
      return call(...args);
    };
    try {
      const cached = verifier({ lifetimeMs: 60_000 });
      const all = await Promise.all(Array.from({ length: 20 }, () => cached.verify(signed, ocr)));
      const again = await cached.verify(signed, ocr);
      expect(asked).toBe(1);
      expect(all).toContain(again);
      cached.forget(signed.listing.asset);
      await cached.verify(signed, ocr);
      expect(asked).toBe(2);
    } finally {
      chain.provider.call = call;
    }
  });

  it('says that the chain is down, and remembers nothing of it', async () => {
    const { publish } = await newAsset();
    const signed = await publish();
    const call = chain.provider.call.bind(chain.provider);
    const cached = verifier({ lifetimeMs: 60_000 });
    chain.provider.call = () => Promise.reject(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }));
    await expect(cached.verify(signed, ocr)).rejects.toMatchObject({ reason: 'CHAIN_UNAVAILABLE' });
    chain.provider.call = call;
    await cached.verify(signed, ocr);
  });
});
