import fc from 'fast-check';
import { hashListing, type Listing } from '#payments/typed-data.js';
import * as proto from '#protos/weft/registry/v1/registry.js';
import { docsDigest, readDocs, writeDocs } from './listing-docs.js';
import { readListing, readSignedListing, writeListing, writeSignedListing } from './listing-wire.js';

const docs = writeDocs({ title: 'OCR', summary: 'Reads print.', tags: ['ocr'], methods: { Recognize: 'Reads.' } });

const listing: Listing = {
  asset: 1n,
  tenure: 1,
  version: 1,
  previous: Buffer.alloc(32),
  contractDigest: Buffer.alloc(32, 1),
  prices: [
    { method: 'a.v1.S/Do', kind: 'fixed', unit: '', rate: 5n, per: 1n, maxAmount: 5n },
    { method: 'a.v1.S/More', kind: 'metered', unit: 'page', rate: 5n, per: 2n, maxAmount: 100n },
    { method: 'a.v1.S/Free', kind: 'free', unit: '', rate: 0n, per: 1n, maxAmount: 0n },
  ],
  endpoints: ['grpc://127.0.0.1:50051'],
  docsDigest: docsDigest(docs),
  escrow: Buffer.alloc(20, 2),
  minChannel: 10n,
  honourSec: 3600,
  retainSec: 86_400,
  publishedAtSec: 1_700_000_000,
};

/** A message after `change`, as it would arrive. */
const wire = (change: (message: proto.Listing) => void): proto.Listing => {
  const message = proto.Listing.decode(proto.Listing.encode(writeListing(listing)).finish());
  change(message);
  return message;
};

describe('listings on the wire', () => {
  it('come back with the digest that was signed', () => {
    const signed = { listing, signature: Buffer.alloc(64, 3), docs };
    const bytes = proto.SignedListing.encode(writeSignedListing(signed)).finish();
    const back = readSignedListing(proto.SignedListing.decode(bytes));
    expect(hashListing(back.listing)).toEqual(hashListing(listing));
  });

  it.each<[string, (l: proto.Listing) => void]>([
    ['asset', (l) => Object.assign(l, { asset: 0n })],
    ['asset', (l) => Object.assign(l, { asset: 2n ** 60n })],
    ['tenure', (l) => Object.assign(l, { tenure: 0 })],
    ['version', (l) => Object.assign(l, { version: 0 })],
    ['version', (l) => Object.assign(l, { version: 2 ** 24 })],
    ['previous', (l) => Object.assign(l, { previous: Buffer.alloc(31) })],
    ['contractDigest', (l) => Object.assign(l, { contractDigest: Buffer.alloc(0) })],
    ['escrow', (l) => Object.assign(l, { escrow: Buffer.alloc(32) })],
    ['docsDigest', (l) => Object.assign(l, { docsDigest: Buffer.alloc(33) })],
    ['minChannel', (l) => Object.assign(l, { minChannel: '-1' })],
    ['minChannel', (l) => Object.assign(l, { minChannel: 'NaN' })],
    ['retainSec', (l) => Object.assign(l, { retainSec: 86_399 })],
    ['publishedAtSec', (l) => Object.assign(l, { publishedAtSec: 2n ** 40n })],
    ['prices', (l) => Object.assign(l, { prices: [] })],
    ['prices', (l) => Object.assign(l, { prices: [l.prices[0], l.prices[0]] })],
    ['prices[0].method', (l) => Object.assign(l.prices[0]!, { method: '/a.v1.S/Do' })],
    ['prices[0].method', (l) => Object.assign(l.prices[0]!, { method: 'a.v1.S/Dо' })],
    ['prices[0].kind', (l) => Object.assign(l.prices[0]!, { kind: 9 })],
    ['prices[0].maxAmount', (l) => Object.assign(l.prices[0]!, { maxAmount: '6' })],
    ['prices[0].rate', (l) => Object.assign(l.prices[0]!, { rate: '0', maxAmount: '0' })],
    ['prices[0].per', (l) => Object.assign(l.prices[0]!, { per: 2n })],
    ['prices[0].unit', (l) => Object.assign(l.prices[0]!, { unit: 'page' })],
    ['prices[1].per', (l) => Object.assign(l.prices[1]!, { per: 0n })],
    ['prices[1].unit', (l) => Object.assign(l.prices[1]!, { unit: '' })],
    ['prices[1]', (l) => Object.assign(l.prices[1]!, { rate: '0' })],
    ['prices[2].rate', (l) => Object.assign(l.prices[2]!, { rate: '1', maxAmount: '1' })],
    ['endpoints', (l) => Object.assign(l, { endpoints: [] })],
    ['endpoints', (l) => Object.assign(l, { endpoints: [l.endpoints[0], l.endpoints[0]] })],
    ['endpoints', (l) => Object.assign(l, { endpoints: Array.from({ length: 9 }, (_, i) => `grpc://a${i}:1`) })],
    ['endpoints[0]', (l) => Object.assign(l, { endpoints: ['http://a:1'] })],
  ])('are refused with a wrong %s (%#)', (field, change) => {
    expect(() => readListing(wire(change))).toThrow(
      expect.objectContaining({ reason: 'LISTING_INVALID', details: { field } }),
    );
  });

  it.each<[string, Partial<proto.SignedListing> | undefined]>([
    ['signed', undefined],
    ['signature', { signature: Buffer.alloc(65) }],
    ['listing', { listing: undefined }],
    ['docs', { docs: writeDocs({ title: 'Other' }) }],
    ['docs', { docs: Buffer.from('{') }],
  ])('are refused with a wrong %s', (field, change) => {
    const message = change && { listing: writeListing(listing), signature: Buffer.alloc(64), docs, ...change };
    expect(() => readSignedListing(message)).toThrow(
      expect.objectContaining({ reason: 'LISTING_INVALID', details: { field } }),
    );
  });

  it('are never more than an error, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        let message: proto.SignedListing;
        try {
          message = proto.SignedListing.decode(bytes);
        } catch {
          return;
        }
        expect(() => readSignedListing(message)).toThrow(expect.objectContaining({ reason: 'LISTING_INVALID' }));
      }),
    );
  });
});

describe('docs of a listing', () => {
  it('have the same bytes for the same content', () => {
    const methods = { B: 'b', A: 'a' };
    expect(writeDocs({ title: 'x', methods })).toEqual(
      writeDocs({ methods: { A: 'a', B: 'b' }, title: 'x', tags: [] }),
    );
  });

  it('T60 T62 lose what cannot be seen, and stay on one line where one line is shown', () => {
    const bytes = Buffer.from(
      JSON.stringify({ title: 'a\u001b[31m\nb\u202e', summary: 'x\u200b\u0007y\u{e0049}', methods: { Do: '\u2066z' } }),
    );
    const read = readDocs(bytes);
    expect([read.title, read.summary, read.methods.get('Do')]).toEqual(['a[31m b', 'xy', 'z']);
  });

  it.each<[string, object | string]>([
    ['docs', 'no json'],
    ['docs.title', {}],
    ['docs.title', { title: '' }],
    ['docs.title', { title: 'x'.repeat(81) }],
    ['docs.summary', { title: 'x', summary: 'y'.repeat(1_001) }],
    ['docs.tags.0', { title: 'x', tags: ['UPPER'] }],
    ['docs.tags.0', { title: 'x', tags: ['pаy'] }],
    ['docs.tags', { title: 'x', tags: Array.from({ length: 21 }, (_, i) => `t${i}`) }],
    ['docs.methods.Do', { title: 'x', methods: { Do: 1 } }],
    ['docs', { title: 'x', more: 1 }],
    [
      'docs',
      {
        title: 'x',
        summary: 1,
        methods: Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`m${i}`, 'x'.repeat(3_000)])),
      },
    ],
  ])('are refused: %s', (field, json) => {
    const bytes = Buffer.from(typeof json === 'string' ? json : JSON.stringify(json));
    expect(() => readDocs(bytes)).toThrow(
      expect.objectContaining({ reason: 'LISTING_INVALID', details: { field: expect.stringContaining(field) } }),
    );
  });

  it('T54 do not reach a prototype', () => {
    const bytes = Buffer.from('{"title":"x","methods":{"__proto__":"y"}}');
    try {
      expect(readDocs(bytes).methods.get('toString')).toBeUndefined();
    } catch (error) {
      expect(error).toMatchObject({ reason: 'LISTING_INVALID' });
    }
    expect(({} as Record<string, unknown>)['title']).toBeUndefined();
  });
});
