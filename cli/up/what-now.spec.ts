import { marketplaceOf } from '#test/support/nowhere.js';
import { whatNow } from './what-now.js';

test('T40 tells where the chain is without the API key of its URL', () => {
  expect(whatNow(marketplaceOf({ rpcUrl: 'http://127.0.0.1:8545' }), 'r')).toContain(
    'chain     http://127.0.0.1:8545\n',
  );
  const text = whatNow(marketplaceOf({ rpcUrl: 'https://rpc.example/v2/canary?key=canary' }), 'r');
  expect(text).toContain('chain     https://rpc.example\n');
  expect(text).not.toContain('canary');
});
