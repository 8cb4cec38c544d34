import { partDown } from './part-down.js';

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
