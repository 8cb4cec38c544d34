import { spawnSync } from 'node:child_process';
import { toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema, FieldDescriptorProto_Type as Type } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from '@jest/globals';
import { readContract } from '#client/contract/read-contract.js';
import { docsDigest } from '#client/listing/listing-docs.js';
import { Listing, Price, PublishRequest } from '#protos/weft/registry/v1/registry.js';
import { field, setWith } from '#test/support/contracts.js';
import { MAX_REQUEST_BYTES } from '../registry-app.js';

const many = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));

/** As much of everything as is taken: 200 methods with prices, 8 endpoints, almost 2,000 fields, 16 KiB of texts. */
const files = toBinary(
  FileDescriptorSetSchema,
  setWith(
    {
      nestedType: many(10, (i) => ({
        name: `N${i}`,
        field: many(195, (j) => field(`f${j}`, j + 1, Type.MESSAGE, { typeName: `.a.v1.M.N${j % 10}` })),
      })),
    },
    {
      service: [
        { name: 'S', method: many(200, (i) => ({ name: `Do${i}`, inputType: '.a.v1.M', outputType: '.a.v1.M' })) },
      ],
    },
  ),
);
const price = (i: number) => ({ method: `a.v1.S/Do${i}`, kind: 2, rate: '1', per: 1n, unit: '', maxAmount: '1' });

function request(
  change: Partial<Listing> = {},
  docs = Buffer.from('{"title":"x"}'),
  bytes: Uint8Array = files,
): Buffer {
  const listing = Listing.fromPartial({
    asset: 1n,
    tenure: 1,
    version: 1,
    previous: Buffer.alloc(32),
    contractDigest: readContract(files, 'a.v1.S').digest,
    prices: many(200, price),
    endpoints: many(8, (i) => `grpcs://${'e'.repeat(60)}.example:${i + 1}`),
    docsDigest: docsDigest(docs),
    escrow: Buffer.alloc(20),
    minChannel: '1',
    honourSec: 600,
    retainSec: 86_400,
    publishedAtSec: 1n,
    ...change,
  });
  const signed = { listing, signature: Buffer.alloc(64), docs };
  return Buffer.from(
    PublishRequest.encode(PublishRequest.fromPartial({ signed, files: bytes, service: 'a.v1.S' })).finish(),
  );
}

const cut = (bytes: Buffer): Buffer => bytes.subarray(0, MAX_REQUEST_BYTES);
/** PublishRequest{signed{listing}} around `bytes` of a listing, to the last byte that a message may have. */
function around(element: Uint8Array): Buffer {
  const count = Math.floor((MAX_REQUEST_BYTES - 40) / element.length);
  const wrap = (bytes: Uint8Array): Buffer => {
    const length: number[] = [];
    for (let rest = bytes.length; ; rest >>>= 7) {
      length.push(rest > 127 ? (rest & 127) | 128 : rest);
      if (rest <= 127) break;
    }
    return Buffer.concat([Buffer.from([0x0a, ...length]), bytes]);
  };
  return wrap(wrap(Buffer.concat(many(count, () => element))));
}
const fieldNo = (name: 'prices' | 'endpoints'): number =>
  Listing.encode(
    Listing.fromPartial(name === 'prices' ? { prices: [Price.fromPartial({})] } : { endpoints: [''] }),
  ).finish()[0]!;

describe('T52 I15 a whole listing', () => {
  const docs = (text: string) => Buffer.from(text);
  const cases: [string, string, () => Buffer][] = [
    [
      'with as much of everything as is taken',
      'taken',
      () =>
        request(
          {},
          docs(
            JSON.stringify({
              title: 'x',
              summary: '\u202e'.repeat(1_000),
              methods: Object.fromEntries(many(4, (i) => [`Do${i}`, '\u200b'.repeat(900)])),
            }),
          ),
        ),
    ],
    ['with texts nested to the last byte', 'LISTING_INVALID', () => request({}, docs('['.repeat(16 * 1024)))],
    [
      'with a thousand unknown texts',
      'LISTING_INVALID',
      () => request({}, docs(JSON.stringify(Object.fromEntries(many(1_000, (i) => [`k${i}`, 1]))))),
    ],
    ['with texts that are too long', 'LISTING_INVALID', () => request({}, Buffer.alloc(300_000, 32))],
    [
      'with a contract that is too large',
      'CONTRACT_TOO_LARGE',
      () => cut(request({}, undefined, Buffer.alloc(600_000))),
    ],
    ['of nothing but empty prices', 'LISTING_INVALID', () => around(Buffer.from([fieldNo('prices'), 0]))],
    ['of nothing but empty endpoints', 'LISTING_INVALID', () => around(Buffer.from([fieldNo('endpoints'), 0]))],
  ];

  it.each(cases)('%s is judged (%s) within 200 ms and 64 MB', (_, answer, make) => {
    const input = make();
    expect(input.length).toBeLessThanOrEqual(MAX_REQUEST_BYTES);
    const args = ['--import', './test/support/ts-loader.mjs', 'test/support/fixtures/judge-listing.ts'];
    const { stdout, stderr } = spawnSync(process.execPath, args, { input, encoding: 'utf8', env: { PATH: '' } });
    if (stdout === '') throw new Error(stderr);
    const judged = JSON.parse(stdout) as { answer: string; ms: number; peakMb: number };
    expect(judged.answer).toBe(answer);
    expect(judged.ms).toBeLessThan(200);
    expect(judged.peakMb).toBeLessThan(64);
  });
});
