import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type FileDescriptorSet,
  FileDescriptorSetSchema,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { readContract } from '#client/contract/read-contract.js';
import type { PublishInput } from '#client/listing/directory.js';
import { findListing } from '#client/listing/find-listing.js';
import { docsDigest, readDocs, writeDocs } from '#client/listing/listing-docs.js';
import type { SignedListing } from '#client/listing/listing-wire.js';
import { announceListing, putInForce } from '#client/listing/publish.js';
import { ListingVerifier } from '#client/listing/verify-listing.js';
import { mintedAsset } from '#contracts/assets.js';
import { send } from '#contracts/chain.js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import { assetsDomain, hashListing, type Listing, signingHash } from '#payments/typed-data.js';
import { loadDescriptorSet } from '#platform/grpc/descriptor-set.js';
import type { GrpcApp } from '#platform/grpc/start-grpc-app.js';
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

describe('publishing', () => {
  let market: Market;
  let service: GrpcApp;
  const apps: GrpcApp[] = [];
  beforeAll(async () => {
    market = await startMarket();
    service = await startLanguage();
  });
  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
  });
  afterAll(async () => {
    await service.close();
    await market.stop();
  });

  const endpoint = () => `grpc://${service.address}`;
  const serve = async (options: Parameters<typeof startLanguage>[0] = {}): Promise<GrpcApp> => {
    const app = await startLanguage(options);
    apps.push(app);
    return app;
  };

  describe('publishListing', () => {
    it('mints, signs, puts on chain and publishes what then verifies', async () => {
      const { asset, digest, record, isNew } = await market.publish(languageOffer(endpoint()));
      expect(isNew).toBe(true);
      expect(record).toMatchObject({ service: LANGUAGE, status: 'active', isServing: true });
      expect(Buffer.from((await market.chain.assets.head(asset)).listing)).toEqual(digest);
      const verifier = new ListingVerifier({
        assets: market.chain.assets,
        domain: market.domain,
        escrow: market.escrow,
      });
      const found = await findListing({ directory: market.directory, verifier }, String(asset));
      expect(found.digest).toEqual(digest);
      expect(found.docs.title).toBe('Language id');
    });

    it('leaves everything alone at a second start with the same offer', async () => {
      const sent: string[] = [];
      const publisher = counting(sent);
      const offer = languageOffer(endpoint());
      const first = await market.publish(offer, publisher);
      const before = sent.length;
      const second = await market.publish(offer, publisher);
      expect(second).toMatchObject({ asset: first.asset, isNew: false });
      expect(second.digest).toEqual(first.digest);
      expect(sent).toHaveLength(before);
    });

    it('makes the next version of another offer, which names the one before', async () => {
      const publisher = market.newPublisher();
      const first = await market.publish(languageOffer(endpoint()), publisher);
      const second = await market.publish(languageOffer(endpoint(), { prices: [fixed(IDENTIFY, 6n)] }), publisher);
      expect(second.asset).toBe(first.asset);
      expect(second.listing.version).toBe(2);
      expect(Buffer.from(second.listing.previous)).toEqual(first.digest);
      expect((await market.directory.get({ digest: first.digest })).status).toBe('superseded');
      expect((await market.directory.get({ asset: first.asset })).digest).toEqual(second.digest);
      const directory = market.directory;
      const verifier = new ListingVerifier({
        assets: market.chain.assets,
        domain: market.domain,
        escrow: market.escrow,
        newer: (digest) => directory.find({ digest }),
      });
      const honoured = await findListing({ directory, verifier }, toHex(first.digest));
      expect(honoured.honouredUntilSec).toBeGreaterThan(0);
    });

    it('takes up a mint whose answer it never got', async () => {
      const publisher = dying('mint');
      await expect(market.publish(languageOffer(endpoint()), publisher)).rejects.toThrow('died');
      const count = await market.chain.assets.count();
      const { asset } = await market.publish(languageOffer(endpoint()), publisher);
      expect(asset).toBe(count);
      expect(await market.chain.assets.count()).toBe(count);
    });

    it('goes on where it died between chain and registry', async () => {
      const publisher = dying('publish');
      await expect(market.publish(languageOffer(endpoint()), publisher)).rejects.toThrow('died');
      const result = await market.publish(languageOffer(endpoint()), publisher);
      expect(result.listing.version).toBe(1);
      expect(result.record.status).toBe('active');
    });

    it('can put a listing in force first and announce it once the service answers', async () => {
      const publisher = market.newPublisher();
      const app = await serve();
      await app.close();
      const offer = languageOffer(`grpc://${app.address}`);
      const inForce = await putInForce(publisher, offer);
      await expect(announceListing(market.directory, inForce)).rejects.toMatchObject({
        reason: 'ENDPOINT_UNREACHABLE',
      });
      await serve({ port: app.port });
      expect(await announceListing(market.directory, inForce)).toMatchObject({ status: 'active' });
      expect(await announceListing(market.directory, inForce)).toMatchObject({ digest: inForce.digest });
      expect((await putInForce(publisher, offer)).isNew).toBe(false);
    });

    it('offers anew in the next tenure only what is its own', async () => {
      const publisher = market.newPublisher();
      const { asset } = await market.publish(languageOffer(endpoint()), publisher);
      await send(
        market.owner,
        market.chain.assets.transfer(asset, market.owner.address, market.chain.account(3).address),
      );
      await expect(market.publish(languageOffer(endpoint()), publisher)).rejects.toMatchObject({
        reason: 'PERMISSION_DENIED',
      });
    });

    it.each([
      ['a price for a method that is not there', { prices: [fixed(`${LANGUAGE}/Other`, 1n)] }, 'prices[0].method'],
      ['no endpoint', { endpoints: [] }, 'endpoints'],
      ['an empty title', { docs: { title: '' } }, 'docs.title'],
      ['a short retention', { retainSec: 1 }, 'retainSec'],
    ])('sends nothing for an offer with %s', async (_, change, field) => {
      const sent: string[] = [];
      await expect(market.publish(languageOffer(endpoint(), change), counting(sent))).rejects.toMatchObject({
        reason: 'LISTING_INVALID',
        details: { field },
      });
      expect(sent).toEqual([]);
    });

    it('puts nothing on chain that the registry would refuse', async () => {
      const publisher = market.newPublisher();
      await expect(market.publish(languageOffer('grpc://127.0.0.1:1'), publisher)).rejects.toMatchObject({
        reason: 'ENDPOINT_UNREACHABLE',
      });
      const { asset } = await market.publish(languageOffer(endpoint()), publisher);
      expect((await market.chain.assets.head(asset)).listingVersion).toBe(1);
    });
  });

  describe('the registry refuses', () => {
    it('T58 a listing that is not in force on chain', async () => {
      const offer = await newOffer();
      await expect(market.directory.publish(offer.input())).rejects.toMatchObject({ reason: 'LISTING_NOT_IN_FORCE' });
      await offer.putOnChain();
      const changed = offer.input({ minChannel: 1n });
      await expect(market.directory.publish(changed)).rejects.toMatchObject({ reason: 'LISTING_NOT_IN_FORCE' });
      await market.directory.publish(offer.input());
    });

    it('a signature that is not the operator’s', async () => {
      const offer = await newOffer();
      await offer.putOnChain();
      const { signed, ...rest } = offer.input();
      const stranger = market.newPublisher().operator;
      const hash = signingHash(assetsDomain(market.domain), hashListing(signed.listing));
      for (const signature of [stranger.sign(hash), Buffer.alloc(64)])
        await expect(market.directory.publish({ ...rest, signed: { ...signed, signature } })).rejects.toMatchObject({
          reason: 'BAD_SIGNATURE',
        });
    });

    it('T37 another escrow', async () => {
      const offer = await newOffer({ escrow: Buffer.alloc(20, 1) });
      await offer.putOnChain();
      await expect(market.directory.publish(offer.input())).rejects.toMatchObject({ reason: 'WRONG_ESCROW' });
    });

    it('an endpoint that nobody serves, that does not serve now, or that serves something else', async () => {
      const silent = await newOffer({ endpoints: ['grpc://127.0.0.1:1'] });
      await silent.putOnChain();
      await expect(market.directory.publish(silent.input())).rejects.toMatchObject({
        reason: 'ENDPOINT_UNREACHABLE',
        details: expect.objectContaining({ endpoint: 'grpc://127.0.0.1:1' }),
      });

      const app = await serve();
      const asleep = await newOffer({ endpoints: [`grpc://${app.address}`] });
      await asleep.putOnChain();
      app.health.set(LANGUAGE, false);
      await expect(market.directory.publish(asleep.input())).rejects.toMatchObject({
        reason: 'ENDPOINT_UNREACHABLE',
        message: expect.stringContaining('NOT_SERVING'),
      });

      const other = await serve({ descriptorSet: toBinary(FileDescriptorSetSchema, changedSet()) });
      const mismatched = await newOffer({ endpoints: [`grpc://${other.address}`] });
      await mismatched.putOnChain();
      await expect(market.directory.publish(mismatched.input())).rejects.toMatchObject({ reason: 'CONTRACT_MISMATCH' });
    });

    it('a contract that breaks the asset’s callers, with all the breaks', async () => {
      const set = changedSet();
      const app = await serve({ descriptorSet: toBinary(FileDescriptorSetSchema, set) });
      const publisher = market.newPublisher();
      await market.publish(languageOffer(endpoint()), publisher);
      const breaking = languageOffer(`grpc://${app.address}`, { files: toBinary(FileDescriptorSetSchema, set) });
      await expect(market.publish(breaking, publisher)).rejects.toMatchObject({
        reason: 'CONTRACT_BREAKS',
        details: { breaks: expect.stringContaining('models.language.v1.IdentifyRequest.text: was string, is bytes') },
      });
      // An addition breaks nobody.
      const grown = fromBinary(FileDescriptorSetSchema, loadDescriptorSet());
      requestOf(grown).field.push(
        create(FileDescriptorSetSchema, {
          file: [{ messageType: [{ field: [{ name: 'hint', number: 77, type: Type.STRING, label: 1 }] }] }],
        }).file[0]!.messageType[0]!.field[0]!,
      );
      const files = toBinary(FileDescriptorSetSchema, grown);
      const more = await serve({ descriptorSet: files });
      const next = await market.publish(languageOffer(`grpc://${more.address}`, { files }), publisher);
      expect(next.listing.version).toBe(2);
    });

    it('T57 a service whose name looks like another’s', async () => {
      await market.publish(languageOffer(endpoint()));
      for (const twin of ['rnodels', 'modeIs', 'mode1s', 'm0dels', 'Models', 'mo_dels']) {
        const set = renamed(`${twin}.language.v1`);
        const offer = await newOffer({}, toBinary(FileDescriptorSetSchema, set), `${twin}.language.v1.LanguageService`);
        await expect(market.directory.validate(offer.input())).rejects.toMatchObject({
          reason: 'CONTRACT_INVALID',
          details: expect.objectContaining({ alike: LANGUAGE }),
        });
      }
    });

    it('T57 a contract of others in a package that somebody opened, unless they offer the opener’s own', async () => {
      const stranger = market.chain.account(4);
      const publisher = () =>
        market.newPublisher({
          owner: { address: stranger.address, send: (transaction) => send(stranger, transaction) },
        });
      await market.publish(languageOffer(endpoint()));
      expect((await market.publish(languageOffer(endpoint()), publisher())).isNew).toBe(true);

      const set = changedSet();
      const app = await serve({ descriptorSet: toBinary(FileDescriptorSetSchema, set) });
      const other = languageOffer(`grpc://${app.address}`, { files: toBinary(FileDescriptorSetSchema, set) });
      const theirs = publisher();
      await expect(market.publish(other, theirs)).rejects.toMatchObject({
        reason: 'CONTRACT_INVALID',
        message: expect.stringContaining('belongs to the owner of asset'),
        details: expect.objectContaining({ name: 'models.language.v1' }),
      });
      expect((await market.publish(other)).isNew).toBe(true);
      // What the opener has published anybody may offer.
      expect((await market.publish(other, theirs)).isNew).toBe(true);
    });

    it('T57 names with letters of other alphabets or without width', async () => {
      for (const twin of ['mоdels', 'models\u200b', 'модели']) {
        const offer = await newOffer();
        const files = toBinary(FileDescriptorSetSchema, renamed(`${twin}.language.v1`));
        await expect(market.directory.validate({ ...offer.input(), files })).rejects.toMatchObject({
          reason: 'CONTRACT_INVALID',
        });
      }
    });

    it.each<[string, Partial<PublishInput>, string]>([
      ['bytes that are no contract', { files: Buffer.from('nonsense') }, 'CONTRACT_INVALID'],
      ['an oversized contract', { files: Buffer.alloc(512 * 1024 + 1) }, 'CONTRACT_TOO_LARGE'],
      ['an empty contract', { files: Buffer.alloc(0) }, 'CONTRACT_INVALID'],
      ['a service that is not in it', { service: 'models.language.v1.Nothing' }, 'CONTRACT_INVALID'],
      ['another service', { service: 'models.ocr.v1.OcrService' }, 'CONTRACT_MISMATCH'],
    ])('T52 %s', async (_, change, reason) => {
      const offer = await newOffer();
      await offer.putOnChain();
      await expect(market.directory.publish({ ...offer.input(), ...change })).rejects.toMatchObject({ reason });
    });

    it('T64 a message beyond its limit', async () => {
      const offer = await newOffer();
      await expect(
        market.directory.publish({ ...offer.input(), files: Buffer.alloc(5 * 1024 * 1024) }),
      ).rejects.toMatchObject({ details: expect.objectContaining({ status: 'RESOURCE_EXHAUSTED' }) });
    });

    it('and names every reason at once', async () => {
      const offer = await newOffer({
        endpoints: ['grpc://127.0.0.1:1', 'grpc://127.0.0.1:2', 'grpcs://169.254.169.254:443', endpoint()],
      });
      await offer.putOnChain();
      const error: WeftError = await market.directory.publish(offer.input()).catch((thrown) => thrown);
      const problems = JSON.parse(error.details['problems'] ?? '[]') as { reason: string; message: string }[];
      expect(problems.map(({ reason }) => reason).sort()).toEqual([
        'ENDPOINT_REFUSED',
        'ENDPOINT_UNREACHABLE',
        'ENDPOINT_UNREACHABLE',
      ]);
      for (const { message } of problems) expect(error.message).toContain(message);
    });

    it('T51 to connect anywhere for a listing that no owner and operator vouch for', async () => {
      let visited = 0;
      const server = await startTcpServer(() => visited++);
      const offer = await newOffer({ endpoints: [`grpc://127.0.0.1:${server.port}`] });
      await expect(market.directory.publish(offer.input())).rejects.toMatchObject({ reason: 'LISTING_NOT_IN_FORCE' });
      const stranger = market.newPublisher().operator;
      const forged = offer.input({}, stranger);
      await expect(market.directory.validate(forged)).rejects.toMatchObject({ reason: 'BAD_SIGNATURE' });
      await server.close();
      expect(visited).toBe(0);
    });
  });

  it('T51 refuses private endpoints unless it is configured to take them', async () => {
    const strict = await market.start({ allowPrivateEndpoints: false });
    const { Directory } = await import('#client/listing/directory.js');
    const directory = new Directory(strict.address);
    try {
      for (const each of [endpoint(), 'grpcs://10.0.0.1:443', 'grpcs://[::1]:443', 'grpcs://localhost:443']) {
        const offer = await newOffer({ endpoints: [each] });
        await offer.putOnChain();
        await expect(directory.publish(offer.input())).rejects.toMatchObject({ reason: 'ENDPOINT_REFUSED' });
      }
    } finally {
      directory.close();
      await strict.close();
    }
  });

  it('validates without recording', async () => {
    const offer = await newOffer();
    await market.directory.validate(offer.input());
    await expect(market.directory.get({ digest: offer.digest() })).rejects.toMatchObject({ reason: 'LISTING_UNKNOWN' });
    const skipping = await newOffer({ version: 3 });
    await expect(market.directory.validate(skipping.input())).rejects.toMatchObject({ reason: 'LISTING_NOT_IN_FORCE' });
  });

  it('answers a repeated publish with what is recorded, also many at once', async () => {
    const offer = await newOffer();
    await offer.putOnChain();
    const records = await Promise.all(Array.from({ length: 8 }, () => market.directory.publish(offer.input())));
    expect(new Set(records.map(({ digest }) => toHex(digest))).size).toBe(1);
    expect(new Set(records.map(({ recordedAtSec }) => recordedAtSec)).size).toBe(1);
  });

  it('answers look-ups and visits that change nothing while many listings wait to be recorded', async () => {
    const { store } = market.registry;
    const { digest } = await market.publish(languageOffer(endpoint()));
    const contract = readContract(loadDescriptorSet(), LANGUAGE);
    const offers: Awaited<ReturnType<typeof newOffer>>[] = [];
    // More than the pool has connections.
    while (offers.length < 12) offers.push(await newOffer());
    let entered: () => void;
    let release: () => void;
    const isHeld = new Promise<void>((resolve) => (entered = resolve));
    const released = new Promise<void>((resolve) => (release = resolve));
    const recording = Promise.all(
      offers.map((offer) => {
        const { signed, files } = offer.input();
        const docs = readDocs(signed.docs);
        return store.record({ signed, files, contract, digest: offer.digest(), docs, isServing: true }, async () => {
          entered();
          await released;
          expect(await store.contract(contract.digest)).toBeDefined();
        });
      }),
    );
    try {
      await Promise.race([isHeld, recording]);
      expect((await market.directory.get({ digest })).status).toBe('active');
      expect(await store.setServing(digest, true)).toMatchObject({ isServing: true });
      expect(await store.byDigest(offers[0]!.digest())).toBeUndefined();
    } finally {
      release!();
      await recording;
    }
    for (const offer of offers)
      expect((await market.directory.get({ digest: offer.digest() })).digest).toEqual(offer.digest());
  });

  it('records no listing that was replaced on chain while it looked at it', async () => {
    const offer = await newOffer();
    await offer.putOnChain();
    const { signed, files } = offer.input();
    const { store } = market.registry;
    const contract = readContract(loadDescriptorSet(), LANGUAGE);
    const verifier = new ListingVerifier({
      assets: market.chain.assets,
      domain: market.domain,
      escrow: market.escrow,
      lifetimeMs: 0,
    });
    await verifier.verify(signed, contract);
    const next = { ...signed.listing, version: 2, previous: offer.digest() };
    await send(market.owner, market.chain.assets.publish(offer.asset, hashListing(next), 2));
    const accepted = { signed, files, contract, digest: offer.digest(), docs: readDocs(signed.docs), isServing: true };
    await expect(store.record(accepted, () => verifier.verify(signed, contract))).rejects.toMatchObject({
      reason: 'LISTING_NOT_IN_FORCE',
    });
    expect(await store.byDigest(offer.digest())).toBeUndefined();
  });

  it('says that the chain is down', async () => {
    const offer = await newOffer();
    const lonely = await market.start({ rpcUrl: 'http://127.0.0.1:1' });
    const { Directory } = await import('#client/listing/directory.js');
    const directory = new Directory(lonely.address);
    try {
      await expect(directory.publish(offer.input())).rejects.toMatchObject({ reason: 'CHAIN_UNAVAILABLE' });
    } finally {
      directory.close();
      await lonely.close();
    }
  });

  /** A publisher that writes down what it sends. */
  function counting(sent: string[]): MarketPublisher {
    const publisher = market.newPublisher();
    const { owner } = publisher;
    return {
      ...publisher,
      owner: {
        address: owner.address,
        send: (transaction) => {
          sent.push(transaction.data.slice(0, 10));
          return owner.send(transaction);
        },
      },
    };
  }

  /** A publisher that dies once, after the transaction was mined and before it hears of it. */
  function dying(step: 'mint' | 'publish'): MarketPublisher {
    const publisher = market.newPublisher();
    const { owner } = publisher;
    let left = step === 'mint' ? 1 : 2;
    return {
      ...publisher,
      owner: {
        address: owner.address,
        async send(transaction) {
          const receipt = await owner.send(transaction);
          if (--left === 0) throw new Error('died');
          return receipt;
        },
      },
    };
  }

  /** An asset with an operator and a listing made by hand, to be published in any broken way. */
  async function newOffer(change: Partial<Listing> = {}, files = loadDescriptorSet(), serviceName = LANGUAGE) {
    const { operator } = market.newPublisher();
    const receipt = await send(market.owner, market.chain.assets.mint({ operator: operator.address }));
    const asset = mintedAsset(receipt, market.chain.deployment.assets);
    const docs = writeDocs({ title: 'By hand' });
    const base: Listing = {
      asset,
      tenure: 1,
      version: 1,
      previous: Buffer.alloc(32),
      contractDigest: readContract(files, serviceName).digest,
      prices: [fixed(`${serviceName}/Identify`, 5n)],
      endpoints: [endpoint()],
      docsDigest: docsDigest(docs),
      escrow: market.escrow,
      minChannel: 0n,
      honourSec: 600,
      retainSec: 86_400,
      publishedAtSec: 1,
      ...change,
    };
    const sign = (listing: Listing, key = operator): SignedListing => ({
      listing,
      docs,
      signature: key.sign(signingHash(assetsDomain(market.domain), hashListing(listing))),
    });
    return {
      asset,
      digest: () => hashListing(base),
      input: (more: Partial<Listing> = {}, key = operator): PublishInput => ({
        signed: sign({ ...base, ...more }, key),
        files,
        service: serviceName,
      }),
      putOnChain: () => send(market.owner, market.chain.assets.publish(asset, hashListing(base), base.version)),
    };
  }
});

async function startTcpServer(onConnection: () => void) {
  const { createServer } = await import('node:net');
  const server = createServer((socket) => {
    onConnection();
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

const requestOf = (set: FileDescriptorSet) =>
  set.file
    .find(({ package: name }) => name === 'models.language.v1')!
    .messageType.find(({ name }) => name === 'IdentifyRequest')!;

/** The shipped set with another type for the text to identify. */
function changedSet(): FileDescriptorSet {
  const set = fromBinary(FileDescriptorSetSchema, loadDescriptorSet());
  requestOf(set).field[0]!.type = Type.BYTES;
  return set;
}

/** The language contract alone, in another package. */
function renamed(name: string): FileDescriptorSet {
  const set = fromBinary(FileDescriptorSetSchema, loadDescriptorSet());
  const file = set.file.find((each) => each.package === 'models.language.v1')!;
  file.package = name;
  const rename = (type: string): string => type.replace('.models.language.v1.', `.${name}.`);
  for (const message of file.messageType) for (const field of message.field) field.typeName = rename(field.typeName);
  for (const method of file.service[0]!.method) {
    method.inputType = rename(method.inputType);
    method.outputType = rename(method.outputType);
  }
  return create(FileDescriptorSetSchema, { file: [file] });
}
