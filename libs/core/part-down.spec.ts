import { partDown, urlsWithoutSecrets } from './part-down.js';

test.each([
  ['127.0.0.1:7233', '127.0.0.1:7233'],
  ['http://127.0.0.1:8545', 'http://127.0.0.1:8545'],
  ['https://user:secret@rpc.example/v3/secret?key=secret', 'https://rpc.example'],
  ['http://secret@', 'the configured URL'],
])('%s is shown as %s', (where, address) => {
  const error = partDown('CHAIN_UNAVAILABLE', where, new Error('refused'));
  expect(error).toMatchObject({ reason: 'CHAIN_UNAVAILABLE', details: { address } });
  expect(error.message).toBe(`the chain at ${address} does not answer; start it with: npm start (or npx weft up)`);
});

test.each([
  [
    '{ "requestUrl": "https://rpc.example/v2/secret", "status": 503 }',
    '{ "requestUrl": "https://rpc.example", "status": 503 }',
  ],
  [
    'tried http://127.0.0.1:1/a?key=secret, then (https://secret@rpc.example/).',
    'tried http://127.0.0.1:1, then (https://rpc.example).',
  ],
  ['see http://127.0.0.1:8545.', 'see http://127.0.0.1:8545.'],
  ['a file://secret and http:// alone', 'a file://secret and http:// alone'],
])('of URLs in a text only the host is shown: %s', (text, shown) => {
  expect(urlsWithoutSecrets(text)).toBe(shown);
});
