import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tempDir } from '#test/support/temp-dir.js';
import { parsePrice } from './parse-price.js';
import { completeOffer, readOfferFile } from './read-offer.js';

const method = 'acme.v1.EchoService/Say';

test.each([
  ['free', { kind: 'free', rate: 0n, maxAmount: 0n, unit: '', per: 1n }],
  ['1200', { kind: 'fixed', rate: 1200n, maxAmount: 1200n, unit: '', per: 1n }],
  ['2/token,max=500', { kind: 'metered', rate: 2n, per: 1n, unit: 'token', maxAmount: 500n }],
  ['1/20 character, max 5000', { kind: 'metered', rate: 1n, per: 20n, unit: 'character', maxAmount: 5000n }],
])('reads the price "%s"', (text, price) => {
  expect(parsePrice(text, method, 'prices.Say')).toEqual({ method, ...price });
});

test.each([
  '',
  'cheap',
  '-5',
  '1.5',
  '1e3',
  '2/token',
  '2/0 token, max 5',
  '1/20 Character, max 5',
  `${'9'.repeat(40)}`,
])('refuses the price "%s" and names it', (text) => {
  expect(() => parsePrice(text, method, 'prices.Say')).toThrow('prices.Say');
});

const offer = {
  service: 'acme.v1.EchoService',
  endpoints: ['grpc://127.0.0.1:50051'],
  prices: { Say: 100 },
  title: 'Echo',
};

test('an offer in YAML is completed with what it leaves out', async () => {
  const file = join(tempDir(), 'offer.yaml');
  await writeFile(
    file,
    'service: acme.v1.EchoService\nendpoints: [grpc://127.0.0.1:50051]\nprices: {Say: 100}\ntitle: Echo\n',
  );
  expect(completeOffer(await readOfferFile(file))).toMatchObject({
    service: 'acme.v1.EchoService',
    prices: [{ method, kind: 'fixed', rate: 100n }],
    docs: { title: 'Echo', summary: '', tags: [] },
    minChannel: 0n,
    honourSec: 3_600,
  });
});

test('an offer may demand a token of its callers', () => {
  const gate = { standard: 'erc1155', token: `0x${'Ab'.repeat(20)}`, id: '7' };
  expect(completeOffer({ ...offer, gate }).docs).toMatchObject({ gate: { ...gate, atLeast: '1' } });
});

test.each([
  [
    'a gate without the id that it needs',
    { ...offer, gate: { standard: 'erc1155', token: `0x${'a'.repeat(40)}` } },
    'gate',
  ],
  ['a missing title', { ...offer, title: undefined }, 'title'],
  ['an unknown name', { ...offer, colour: 'red' }, 'colour'],
  ['no endpoint', { ...offer, endpoints: [] }, 'endpoints'],
  ['a price that nobody understands', { ...offer, prices: { Say: 'much' } }, 'prices.Say'],
  ['a negative deposit', { ...offer, minChannel: '-1' }, 'minChannel'],
])('%s is refused and named', (_name, input, field) => {
  expect(() => completeOffer(input)).toThrow(field);
});

test('a file of aliases upon aliases is refused', async () => {
  const file = join(tempDir(), 'bomb.yaml');
  await writeFile(file, 'a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n');
  await expect(readOfferFile(file)).rejects.toThrow('Alias resolution is disabled');
});
