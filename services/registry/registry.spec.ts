import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { Server, type sendUnaryData } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import pg from 'pg';
import { methodOf } from '#client/contract/methods.js';
import { Directory, deprecationText, type ListingChange } from '#client/listing/directory.js';
import { findOffers } from '#client/listing/find-listing.js';
import { announceListing, type PublishedListing } from '#client/listing/publish.js';
import { ListingVerifier } from '#client/listing/verify-listing.js';
import { send } from '#contracts/chain.js';
import { toHex } from '#core/hex.js';
import { keccak } from '#payments/keccak.js';
import { connect } from '#payments/rpc/connect.js';
import { callRaw } from '#payments/rpc/raw-call.js';
import { type TypedClient, typedClient } from '#payments/rpc/typed-client.js';
import { toGrpcDefinition } from '#platform/grpc/service-definition.js';
import type { GrpcApp } from '#platform/grpc/start-grpc-app.js';
import {
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
  HealthDefinition,
} from '#protos/grpc/health/v1/health.js';
import { RegistryServiceDefinition } from '#protos/weft/registry/v1/registry.js';
import {
  fixed,
  IDENTIFY,
  LANGUAGE,
  languageOffer,
  type Market,
  type MarketPublisher,
  startLanguage,
  startMarket,
} from '#test/support/market.js';
import { listen } from '#test/support/relay.js';

const titles = ['Language id', 'Tongue finder', 'Babel fish'];

describe('the registry', () => {
  let market: Market;
  let service: GrpcApp;
  let raw: TypedClient<typeof RegistryServiceDefinition>;
  let published: { publisher: MarketPublisher; listing: PublishedListing }[];
  let closeRaw: (() => void) | undefined;
  beforeAll(async () => {
    Logger.overrideLogger(false);
    market = await startMarket();
    service = await startLanguage();
    const client = connect(market.registry.address);
    closeRaw = () => client.close();
    raw = typedClient(RegistryServiceDefinition, client);
    published = [];
    for (const [i, title] of titles.entries()) {
      const publisher = market.newPublisher();
      const listing = await market.publish(
        languageOffer(`grpc://${service.address}`, {
          prices: [fixed(IDENTIFY, BigInt(10 - i))],
          docs: { title, summary: i === 2 ? 'A fish for the ear.' : '', tags: i === 2 ? ['poisson'] : [] },
        }),
        publisher,
      );
      published.push({ publisher, listing });
    }
  });
  afterAll(async () => {
    closeRaw?.();
    await service?.close();
    await market?.stop();
  });

  const finder = (directory = market.directory) => ({
    directory,
    verifier: new ListingVerifier({
      assets: market.chain.assets,
      domain: market.domain,
      escrow: market.escrow,
      newer: (digest) => directory.find({ digest }),
    }),
  });
  const assetsOf = (records: { listing: { asset: bigint } }[]): bigint[] => records.map(({ listing }) => listing.asset);
  const assetOf = (i: number): bigint => published[i]!.listing.asset;

  it('gives a listing by digest and by asset, and the contract by digest', async () => {
    const { digest, asset, listing } = published[0]!.listing;
    const byDigest = await market.directory.get({ digest });
    expect((await market.directory.get({ asset })).digest).toEqual(digest);
    expect(byDigest).toMatchObject({ service: LANGUAGE, about: { title: 'Language id' }, status: 'active' });
    const contract = await market.directory.contract(listing.contractDigest);
    expect(methodOf(contract, 'Identify').fullName).toBe(IDENTIFY);
    expect(contract.comments.size).toBeGreaterThan(0);
  });

  it('says clearly what it does not have', async () => {
    const digest = Buffer.alloc(32, 7);
    await expect(market.directory.get({ digest })).rejects.toMatchObject({ reason: 'LISTING_UNKNOWN' });
    await expect(market.directory.get({ asset: 4_000n })).rejects.toMatchObject({ reason: 'LISTING_UNKNOWN' });
    await expect(market.directory.contract(digest)).rejects.toMatchObject({ reason: 'NOT_FOUND' });
    expect(await market.directory.find({ digest })).toBeUndefined();
  });

  it('lists newest first, in pages, by service and by contract', async () => {
    const first = await raw.listListings({ pageSize: 2 });
    expect(first.records.map(({ title }) => title)).toEqual(['Babel fish', 'Tongue finder']);
    const second = await raw.listListings({ pageSize: 2, pageToken: first.nextPageToken });
    expect(second.records.map(({ title }) => title)).toEqual(['Language id']);
    expect(second.nextPageToken).toBe('');
    expect((await raw.listListings({ service: LANGUAGE })).records).toHaveLength(3);
    expect((await raw.listListings({ service: 'models.ocr.v1.OcrService' })).records).toHaveLength(0);
    const { contractDigest } = published[0]!.listing.listing;
    expect((await raw.listListings({ contractDigest })).records).toHaveLength(3);
    expect((await raw.listListings({ contractDigest: Buffer.alloc(32) })).records).toHaveLength(0);
    const all: bigint[] = [];
    for await (const { listing } of market.directory.list()) all.push(listing.asset);
    expect(all).toEqual([assetOf(2), assetOf(1), assetOf(0)]);
  });

  it.each([
    ['a word of the title', 'babel', 2],
    ['another form of it', 'tongues', 1],
    ['a tag', 'poisson', 2],
    ['the summary', 'ear', 2],
    ['a tag with a typo', 'poison', 2],
    ['letters in the wrong order', 'poissno', 2],
    ['some of many words', 'please find a fish that swims', 2],
    ['words to leave out', 'language -tongue -fish', 0],
  ])('finds by %s', async (_, words, expected) => {
    const [first] = await market.directory.search(words);
    expect(first?.listing.asset).toBe(assetOf(expected));
  });

  it('finds by the names and comments in the contract', async () => {
    for (const words of [
      'identify',
      'IdentifyRequest',
      'language service',
      'models.language.v1',
      'BCP-47',
      'CLD3',
      'probability',
    ])
      expect(assetsOf(await market.directory.search(words)).length).toBeGreaterThan(0);
    expect(await market.directory.search('xylophone')).toEqual([]);
  });

  it('puts what does not answer behind what does', async () => {
    const { digest } = published[2]!.listing;
    await market.registry.store.setServing(digest, false);
    expect(assetsOf(await market.directory.search('identify')).at(-1)).toBe(assetOf(2));
    expect(await findOffers(finder(), requirement({}))).toHaveLength(2);
    await market.registry.store.setServing(digest, true);
  });

  const requirement = (choice: { listing?: string; asset?: string }) => ({
    step: 's',
    service: LANGUAGE,
    method: IDENTIFY,
    calls: 1,
    maxPrice: '100',
    choice: { prefer: 'cheapest' as const, ...choice },
  });

  it('gives clients verified offers: all of a service, or the one they name', async () => {
    expect(assetsOf(await findOffers(finder(), requirement({}))).sort()).toEqual(
      [assetOf(0), assetOf(1), assetOf(2)].sort(),
    );
    const { digest, asset } = published[1]!.listing;
    for (const choice of [{ listing: toHex(digest) }, { asset: String(asset) }])
      expect(assetsOf(await findOffers(finder(), requirement(choice)))).toEqual([asset]);
    for (const choice of [{ listing: '0x12' }, { asset: '-1' }, { asset: 'NaN' }])
      await expect(findOffers(finder(), requirement(choice))).rejects.toMatchObject({ reason: 'INVALID_INPUT' });
    await expect(findOffers(finder(), requirement({ asset: '999' }))).rejects.toMatchObject({
      reason: 'LISTING_UNKNOWN',
    });
  });

  describe('watching', () => {
    it('catches up from any point, then follows, on whichever replica it happens', async () => {
      const other = await market.start();
      const directory = new Directory(other.address);
      const stop = new AbortController();
      const seen: ListingChange[] = [];
      let wake: () => void = () => {};
      const watching = (async () => {
        for await (const change of directory.watch(0n, stop.signal)) {
          seen.push(change);
          wake();
        }
      })();
      const until = async (count: number) => {
        while (seen.length < count) await new Promise<void>((resolve) => (wake = resolve));
      };
      try {
        await until(3);
        const publisher = market.newPublisher();
        const first = await market.publish(languageOffer(`grpc://${service.address}`), publisher);
        await market.publish(languageOffer(`grpc://${service.address}`, { minChannel: 1n }), publisher);
        const known = seen.length;
        await until(known);
        const last = (await market.registry.store.changesAfter(0n, 1_000)).at(-1)!.seq;
        while (seen.at(-1)!.seq < last) await until(seen.length + 1);
        expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, i) => BigInt(i + 1)));
        const ofFirst = seen
          .filter(({ record }) => record.digest.equals(first.digest))
          .map(({ record }) => record.status);
        expect(ofFirst).toEqual(['active', 'superseded']);
        // From where it stopped, nothing is told twice.
        const again = directory.watch(last - 1n, stop.signal);
        expect((await again.next()).value?.seq).toBe(last);
      } finally {
        stop.abort();
        await watching;
        directory.close();
        await other.close();
      }
    });

    it('misses nothing while many write at once', async () => {
      const { store } = market.registry;
      const before = (await store.changesAfter(0n, 10_000)).at(-1)!.seq;
      const stop = new AbortController();
      const seen: bigint[] = [];
      const writes = 60;
      const watching = (async () => {
        for await (const { seq } of market.directory.watch(before, stop.signal)) {
          seen.push(seq);
          if (seen.length === writes) return;
        }
      })();
      // Every write changes something: it turns one listing's health over.
      const serving = new Map(published.map(({ listing }) => [listing, true]));
      await Promise.all(
        published.map(async ({ listing }) => {
          for (let i = 0; i < writes / published.length; i++) {
            serving.set(listing, !serving.get(listing));
            await store.setServing(listing.digest, serving.get(listing)!);
          }
        }),
      );
      await watching;
      stop.abort();
      expect(seen).toEqual(Array.from({ length: writes }, (_, i) => before + BigInt(i + 1)));
    });

    it('goes on when the database has cut its connections', async () => {
      const stop = new AbortController();
      const { store } = market.registry;
      const before = (await store.changesAfter(0n, 10_000)).at(-1)!.seq;
      const changes = market.directory.watch(before, stop.signal);
      const next = changes.next();
      const admin = new pg.Client({ connectionString: market.databaseUrl });
      await admin.connect();
      await admin.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      );
      await admin.end();
      const { digest } = published[0]!.listing;
      // As many lost connections as the pool has: none of them may be missing afterwards.
      for (let done = false; !done; )
        done = await store.setServing(digest, false).then(
          () => true,
          () => false,
        );
      expect((await next).value?.seq).toBe(before + 1n);
      await store.setServing(digest, true);
      stop.abort();
    });
  });

  describe('deprecating', () => {
    const nowSec = () => Math.floor(Date.now() / 1000);
    const sign = ({ operator }: MarketPublisher, digest: Uint8Array, atSec: number): Buffer => {
      const text = Buffer.from(deprecationText(digest, atSec));
      return operator.sign(
        keccak(Buffer.concat([Buffer.from(`\u0019Ethereum Signed Message:\n${text.length}`), text])),
      );
    };

    it('is the operator’s alone, and recent', async () => {
      const { listing, publisher } = published[1]!;
      const { digest } = listing;
      const stranger = published[0]!.publisher;
      const refused = (atSec: number, signature: Uint8Array, reason: string) =>
        expect(market.directory.deprecate(digest, atSec, signature)).rejects.toMatchObject({ reason });
      await refused(nowSec(), sign(stranger, digest, nowSec()), 'BAD_SIGNATURE');
      await refused(nowSec(), sign(publisher, digest, nowSec() - 1), 'BAD_SIGNATURE');
      await refused(nowSec(), Buffer.alloc(64), 'BAD_SIGNATURE');
      await refused(nowSec() - 301, sign(publisher, digest, nowSec() - 301), 'INVALID_INPUT');
      await refused(nowSec() + 120, sign(publisher, digest, nowSec() + 120), 'INVALID_INPUT');
      expect((await market.directory.get({ digest })).status).toBe('active');
    });

    it('takes a listing out of lists and searches, once', async () => {
      const publisher = market.newPublisher();
      const { digest, asset } = await market.publish(
        languageOffer(`grpc://${service.address}`, { docs: { title: 'Zanzibar' } }),
        publisher,
      );
      expect(assetsOf(await market.directory.search('zanzibar'))).toEqual([asset]);
      const atSec = nowSec();
      for (let i = 0; i < 2; i++) {
        const record = await market.directory.deprecate(digest, atSec, sign(publisher, digest, atSec));
        expect(record.status).toBe('deprecated');
      }
      expect(await market.directory.search('zanzibar')).toEqual([]);
      expect(assetsOf((await market.directory.page({ service: LANGUAGE })).records)).not.toContain(asset);
      expect(assetsOf((await market.directory.page({ includeInactive: true })).records)).toContain(asset);
      expect((await market.directory.get({ asset })).status).toBe('deprecated');
    });
  });

  describe('looking after listings', () => {
    it('notices that an endpoint is gone and that it is back', async () => {
      const app = await startLanguage();
      const { digest } = await market.publish(languageOffer(`grpc://${app.address}`));
      const eager = await market.start({ visitEverySec: 0 });
      try {
        await eager.visits.round();
        expect((await market.directory.get({ digest })).isServing).toBe(true);
        await app.close();
        await eager.visits.round();
        expect((await market.directory.get({ digest })).isServing).toBe(false);
        const back = await startLanguage({ port: app.port });
        await eager.visits.round();
        expect((await market.directory.get({ digest })).isServing).toBe(true);
        await back.close();
      } finally {
        await eager.close();
      }
    });

    it('notices what the chain no longer has in force', async () => {
      const { digest, asset } = await market.publish(languageOffer(`grpc://${service.address}`));
      const eager = await market.start({ visitEverySec: 0 });
      try {
        await eager.visits.round();
        expect((await market.directory.get({ digest })).status).toBe('active');
        await send(market.owner, market.chain.assets.delist(asset));
        await eager.visits.round();
        expect((await market.directory.get({ digest })).status).toBe('superseded');
        await expect(market.directory.get({ asset })).rejects.toMatchObject({ reason: 'LISTING_UNKNOWN' });
      } finally {
        await eager.close();
      }
    });

    /** One round of a registry that finds everything due. */
    const round = async (): Promise<void> => {
      const eager = await market.start({ visitEverySec: 0 });
      try {
        await eager.visits.round();
      } finally {
        await eager.close();
      }
    };
    const statusOf = async (digest: Uint8Array) => (await market.directory.get({ digest })).status;
    /** Nobody signs receipts for the asset, and a round sees it so. */
    const suspend = async ({ asset, digest }: PublishedListing): Promise<void> => {
      await send(market.owner, market.chain.assets.setOperator(asset));
      await round();
      expect(await statusOf(digest)).toBe('superseded');
    };

    it('I11 takes back by itself what the chain has in force again, and tells those who watch', async () => {
      const before = (await market.registry.store.changesAfter(0n, 10_000)).at(-1)!.seq;
      const listing = await market.publish(languageOffer(`grpc://${service.address}`));
      const { digest, asset } = listing;
      await suspend(listing);
      expect(assetsOf(await findOffers(finder(), requirement({})))).not.toContain(asset);
      await round();
      expect(await statusOf(digest)).toBe('superseded');
      await send(market.owner, market.chain.assets.setOperator(asset, market.newPublisher().operator.address));
      await round();
      expect((await market.directory.get({ asset })).digest).toEqual(digest);
      expect(assetsOf(await findOffers(finder(), requirement({})))).toContain(asset);
      const told: string[] = [];
      for await (const { record } of market.directory.watch(before)) {
        if (record.digest.equals(digest)) told.push(record.status);
        if (told.length === 3) break;
      }
      expect(told).toEqual(['active', 'superseded', 'active']);
    });

    it('I11 takes it back at once when it is published again', async () => {
      const publisher = market.newPublisher();
      const offer = languageOffer(`grpc://${service.address}`);
      const listing = await market.publish(offer, publisher);
      const { digest, asset } = listing;
      await suspend(listing);
      const known = await market.directory.get({ digest });
      await expect(
        market.directory.publish({ signed: known, files: offer.files, service: offer.service }),
      ).rejects.toMatchObject({ reason: 'LISTING_NOT_IN_FORCE' });
      expect(await statusOf(digest)).toBe('superseded');
      const again = await market.publish(offer, { ...publisher, operator: market.newPublisher().operator });
      expect(again).toMatchObject({ digest, isNew: false, record: { status: 'active', isServing: true } });
      expect(assetsOf(await findOffers(finder(), requirement({})))).toContain(asset);
    });

    it('I11 follows a chain that goes back to the listing before, and on again', async () => {
      const publisher = market.newPublisher();
      const offer = languageOffer(`grpc://${service.address}`);
      const first = await market.publish(offer, publisher);
      const { provider, assets } = market.chain;
      const snapshot = await provider.send('evm_snapshot', []);
      const second = await market.publish({ ...offer, minChannel: 1n }, publisher);
      await provider.send('evm_revert', [snapshot]);
      await round();
      expect(await statusOf(second.digest)).toBe('superseded');
      const { digest } = first;
      const signed = await market.directory.get({ digest });
      await announceListing(market.directory, { digest, input: { ...offer, signed } });
      expect((await market.directory.get({ asset: first.asset })).digest).toEqual(digest);
      await send(market.owner, assets.publish(first.asset, second.digest, 2));
      await round();
      expect(await statusOf(digest)).toBe('superseded');
      expect(await statusOf(second.digest)).toBe('active');
    });

    it('leaves deprecated what was deprecated before it was out of force', async () => {
      const listing = await market.publish(languageOffer(`grpc://${service.address}`));
      await market.registry.store.setStatus(listing.digest, 'deprecated');
      await suspend(listing);
      const operator = market.newPublisher().operator.address;
      await send(market.owner, market.chain.assets.setOperator(listing.asset, operator));
      await round();
      expect(await statusOf(listing.digest)).toBe('deprecated');
    });

    it('T51 connects nowhere for what is not in force', async () => {
      const app = await startLanguage();
      const listing = await market.publish(languageOffer(`grpc://${app.address}`));
      await app.close();
      await suspend(listing);
      let visited = 0;
      // Questions, not connections: a client that was closed may try once more to connect.
      const server = new Server();
      const { check } = HealthDefinition.methods;
      server.addService(toGrpcDefinition({ ...HealthDefinition, methods: { check } }), {
        Check: (_: unknown, answer: sendUnaryData<HealthCheckResponse>) => {
          visited++;
          answer(null, { status: HealthCheckResponse_ServingStatus.SERVING });
        },
      });
      await listen(server, app.port);
      await round();
      server.forceShutdown();
      expect(visited).toBe(0);
    });

    it('never visits what a newer listing has replaced', async () => {
      const publisher = market.newPublisher();
      const { digest } = await market.publish(languageOffer(`grpc://${service.address}`), publisher);
      await market.publish(languageOffer(`grpc://${service.address}`, { minChannel: 1n }), publisher);
      const due = await market.registry.store.takeForVisit(1_000, 0);
      expect(due.length).toBeGreaterThan(0);
      expect(due.filter((row) => row.digest.equals(digest))).toEqual([]);
    });
  });

  describe('bad input', () => {
    it.each<[string, Promise<unknown> | (() => Promise<unknown>), string]>([
      ['a page that is too large', () => raw.listListings({ pageSize: 201 }), 'pageSize'],
      ['a page token of others', () => raw.listListings({ pageToken: 'eyJ4IjoxfQ' }), 'pageToken'],
      [
        'a negative page token',
        () => raw.listListings({ pageToken: Buffer.from('before:-1').toString('base64url') }),
        'pageToken',
      ],
      ['a long page token', () => raw.listListings({ pageToken: 'x'.repeat(100_000) }), 'pageToken'],
      ['a short digest', () => raw.getListing({ digest: Buffer.alloc(31) }), 'digest'],
      ['no key', () => raw.getListing({}), 'key'],
      ['asset 0', () => raw.getListing({ asset: 0n }), 'asset'],
      ['an asset beyond all', () => raw.getListing({ asset: 2n ** 64n - 1n }), 'asset'],
      ['a short contract digest', () => raw.listListings({ contractDigest: Buffer.alloc(1) }), 'contractDigest'],
      ['no words', () => raw.search({ words: '  ' }), 'words'],
      ['too many words', () => raw.search({ words: 'x'.repeat(201) }), 'words'],
      ['too much to find', () => raw.search({ words: 'x', limit: 51 }), 'limit'],
      ['an empty digest', () => raw.getContract({}), 'digest'],
    ])('T67 %s is refused by name', async (_, ask, field) => {
      await expect((ask as () => Promise<unknown>)()).rejects.toMatchObject({
        reason: 'INVALID_INPUT',
        details: { field },
      });
    });

    it('T61 T67 T68 nothing that anybody types is more than an answer or a clear refusal', async () => {
      const text = fc.oneof(
        fc.string({ unit: 'binary', maxLength: 200 }),
        fc.constantFrom(
          "'; drop table registry.listing; --",
          `' or 1=1 --`,
          'a & | ! ( ) <-> :*',
          '"unclosed',
          '\\',
          '%_%',
          'a\0b',
          '-',
          "''",
          ':*',
          '<%',
          '\ud800',
        ),
      );
      await fc.assert(
        fc.asyncProperty(text, fc.nat({ max: 60 }), fc.nat({ max: 250 }), async (words, limit, pageSize) => {
          for (const ask of [
            () => raw.search({ words, limit }),
            () => raw.listListings({ service: words, pageSize }),
            () => raw.listListings({ pageToken: words }),
          ]) {
            const error = await ask().then(
              () => undefined,
              (thrown) => thrown,
            );
            if (error !== undefined) expect(error).toMatchObject({ reason: 'INVALID_INPUT' });
          }
        }),
        { numRuns: 50 },
      );
      expect((await raw.listListings({ service: LANGUAGE })).records.length).toBeGreaterThan(0);
    });

    it('T68 bytes that are no request are refused, and nothing of the inside is shown', async () => {
      const client = connect(market.registry.address);
      const { error } = await callRaw(client, '/weft.registry.v1.RegistryService/Search', Buffer.from([0x0a, 0xff]));
      client.close();
      expect(error).toMatchObject({ reason: 'INVALID_INPUT' });
      expect(JSON.stringify(error)).not.toMatch(/node_modules|at \w+ \(/);
    });
  });

  it('T66 slows down an address that asks too much, and lets it on later', async () => {
    const slow = await market.start({ rate: { perSec: 2, burst: 30 } });
    const client = connect(slow.address);
    const registry = typedClient(RegistryServiceDefinition, client);
    try {
      const all = await Promise.allSettled(Array.from({ length: 40 }, () => registry.search({ words: 'fish' })));
      const refused = all.filter((each) => each.status === 'rejected');
      expect(refused.length).toBeGreaterThanOrEqual(25);
      for (const each of refused) expect(each.reason).toMatchObject({ reason: 'OVERLOADED', retryable: true });
      const waitSec = Number((refused[0] as PromiseRejectedResult).reason.details.retryAfterSec);
      await new Promise((resolve) => setTimeout(resolve, waitSec * 1000));
      await registry.search({ words: 'fish' });
    } finally {
      client.close();
      await slow.close();
    }
  });

  it('says which part is down: the registry, or its database', async () => {
    const nobody = new Directory('127.0.0.1:1');
    await expect(nobody.search('x')).rejects.toMatchObject({
      reason: 'REGISTRY_UNAVAILABLE',
      message: expect.stringContaining('npm start'),
    });
    nobody.close();

    const lost = await startMarketWithoutDatabase();
    try {
      await expect(lost.directory.search('x')).rejects.toMatchObject({
        reason: 'REGISTRY_UNAVAILABLE',
        message: expect.stringContaining('database'),
      });
    } finally {
      await lost.close();
    }
  });

  /** A registry whose database goes away under it. */
  async function startMarketWithoutDatabase() {
    const url = new URL(market.databaseUrl);
    const port = Number(url.port);
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      const onward = createConnection(port, url.hostname);
      for (const each of [socket, onward]) sockets.add(each.on('error', () => {}));
      socket.pipe(onward).pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url.port = String((server.address() as AddressInfo).port);
    const app = await market.start({ databaseUrl: url.href });
    const directory = new Directory(app.address);
    await directory.search('x');
    server.close();
    for (const socket of sockets) socket.destroy();
    return {
      directory,
      async close() {
        directory.close();
        await app.close();
      },
    };
  }
});
