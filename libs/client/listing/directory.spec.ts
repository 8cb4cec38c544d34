import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { readContract } from '#client/contract/read-contract.js';
import { hashListing, type Listing } from '#payments/typed-data.js';
import { loadDescriptorSet } from '#platform/grpc/descriptor-set.js';
import { type GrpcApp, startGrpcApp } from '#platform/grpc/start-grpc-app.js';
import * as proto from '#protos/weft/registry/v1/registry.js';
import { Directory } from './directory.js';
import { docsDigest, writeDocs } from './listing-docs.js';
import { writeSignedListing } from './listing-wire.js';

const LANGUAGE = 'models.language.v1.LanguageService';
const language = readContract(loadDescriptorSet(), LANGUAGE);
const docs = writeDocs({ title: 'Language id' });

const listingOf = (asset: bigint, rate = 5n): Listing => ({
  asset,
  tenure: 1,
  version: 1,
  previous: Buffer.alloc(32),
  contractDigest: language.digest,
  prices: [{ method: `${LANGUAGE}/Identify`, kind: 'fixed', unit: '', rate, per: 1n, maxAmount: rate }],
  endpoints: ['grpc://127.0.0.1:1'],
  docsDigest: docsDigest(docs),
  escrow: Buffer.alloc(20, 1),
  minChannel: 0n,
  honourSec: 0,
  retainSec: 86_400,
  publishedAtSec: 1,
});

const recordOf = (listing: Listing, change: Partial<proto.ListingRecord> = {}): proto.ListingRecord =>
  proto.ListingRecord.fromPartial({
    signed: writeSignedListing({ listing, docs, signature: Buffer.alloc(64, 1) }),
    digest: hashListing(listing),
    service: LANGUAGE,
    status: proto.ListingStatus.LISTING_STATUS_ACTIVE,
    health: proto.HealthStatus.HEALTH_STATUS_SERVING,
    ...change,
  });

/** What the registry of these tests answers, as wrong as one likes. */
const answers: {
  record?: proto.ListingRecord | undefined;
  contract?: Partial<proto.Contract>;
  page: () => Partial<proto.ListListingsResponse>;
} = { page: () => ({}) };

@Controller()
class LyingController {
  @GrpcMethod('RegistryService', 'GetListing')
  getListing() {
    return { record: answers.record };
  }

  @GrpcMethod('RegistryService', 'GetContract')
  getContract() {
    return { contract: answers.contract && proto.Contract.fromPartial(answers.contract) };
  }

  @GrpcMethod('RegistryService', 'ListListings')
  listListings() {
    return proto.ListListingsResponse.fromPartial(answers.page());
  }
}

@Module({ controllers: [LyingController] })
class LyingModule {}

const { getListing, getContract, listListings } = proto.RegistryServiceDefinition.methods;

describe('a registry that lies (rule 7)', () => {
  let app: GrpcApp;
  let directory: Directory;
  beforeAll(async () => {
    const definition = { ...proto.RegistryServiceDefinition, methods: { getListing, getContract, listListings } };
    app = await startGrpcApp({ module: LyingModule, definitions: [definition], graceMs: 100 });
  });
  beforeEach(() => {
    directory = new Directory(app.address);
  });
  afterEach(() => directory.close());
  afterAll(() => app.close());

  const digest = hashListing(listingOf(1n));
  const lie = expect.objectContaining({ reason: 'LISTING_INVALID' });

  it('is believed only about what its digest says', async () => {
    answers.record = recordOf(listingOf(1n));
    expect((await directory.get({ digest })).digest).toEqual(digest);
    // A cheaper price under the digest of another listing.
    answers.record = recordOf(listingOf(1n, 1n), { digest });
    await expect(directory.get({ digest })).rejects.toEqual(lie);
    await expect(directory.get({ asset: 1n })).rejects.toEqual(lie);
  });

  it('cannot answer with another listing than the one that was asked for', async () => {
    answers.record = recordOf(listingOf(2n));
    await expect(directory.get({ digest })).rejects.toEqual(lie);
    await expect(directory.get({ asset: 1n })).rejects.toEqual(lie);
    expect((await directory.get({ asset: 2n })).listing.asset).toBe(2n);
  });

  it('cannot change the docs', async () => {
    const signed = { listing: listingOf(1n), signature: Buffer.alloc(64), docs: writeDocs({ title: 'Pay me' }) };
    answers.record = recordOf(listingOf(1n), { signed: writeSignedListing(signed) });
    await expect(directory.get({ digest })).rejects.toEqual(lie);
  });

  it('cannot pass nothing off as something', async () => {
    answers.record = undefined;
    await expect(directory.get({ digest })).rejects.toEqual(lie);
    answers.record = recordOf(listingOf(1n), { signed: undefined });
    await expect(directory.get({ digest })).rejects.toEqual(lie);
  });

  it('cannot pass off another contract, nor one that is a bomb', async () => {
    const files = loadDescriptorSet();
    answers.contract = { files, service: 'models.ocr.v1.OcrService', digest: language.digest };
    await expect(directory.contract(language.digest)).rejects.toEqual(lie);
    answers.contract = { files: Buffer.alloc(600_000), service: LANGUAGE, digest: language.digest };
    await expect(directory.contract(language.digest)).rejects.toMatchObject({ reason: 'CONTRACT_TOO_LARGE' });
    answers.contract = { files: Buffer.from('x'), service: LANGUAGE, digest: language.digest };
    await expect(directory.contract(language.digest)).rejects.toMatchObject({ reason: 'CONTRACT_INVALID' });
    answers.contract = { files, service: LANGUAGE, digest: Buffer.alloc(32) };
    expect((await directory.contract(language.digest)).digest).toEqual(language.digest);
  });

  it('hides nothing else with a broken record in a list', async () => {
    answers.page = () => ({
      records: [recordOf(listingOf(1n)), recordOf(listingOf(2n), { digest }), recordOf(listingOf(3n))],
    });
    const { records } = await directory.page({});
    expect(records.map(({ listing }) => listing.asset)).toEqual([1n, 3n]);
  });

  it('T67 cannot keep anybody reading for ever', async () => {
    let pages = 0;
    answers.page = () => ({ records: [recordOf(listingOf(1n))], nextPageToken: String(++pages) });
    let count = 0;
    for await (const _ of directory.list()) count++;
    expect(count).toBe(100);
  });
});
