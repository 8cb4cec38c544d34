import { jest } from '@jest/globals';
import { WeftError } from '#core/errors.js';
import { ECHO, type EchoMarket, startEchoMarket } from '#test/support/echo-market.js';
import { SAY } from '#test/support/paid-service.js';
import { openChannels } from './open-channels.js';

let market: EchoMarket;
const said: string[] = [];
beforeAll(async () => {
  market = await startEchoMarket();
});
afterEach(() => {
  jest.restoreAllMocks();
  said.length = 0;
});
afterAll(async () => {
  await market?.stop();
});

const requirements = [
  { step: 'say', service: ECHO, method: SAY, calls: 5, maxPrice: '100', choice: { prefer: 'cheapest' } },
] as const;
const open = (ended = new Promise<never>(() => {})) =>
  openChannels({ home: market.home, wallet: market.wallet, requirements, ended, say: (line) => said.push(line) });

test('an answer that the wallet gives too late is asked for again, under the same quote', async () => {
  const asked = jest.spyOn(market.wallet, 'openQuote');
  asked.mockRejectedValueOnce(new WeftError('DEADLINE', 'the wallet took longer than 300 s'));
  expect(await open()).toMatch(/^0x[0-9a-f]{64}$/);
  expect(said).toEqual(['  channels: the wallet took longer than 300 s (DEADLINE); asking again']);
  const [first, second] = asked.mock.calls.map(([{ quoteId }]) => quoteId);
  expect(second).toEqual(first);
  expect(await open()).toBeUndefined();
});

test('what does not pass ends it at once', async () => {
  const asked = jest.spyOn(market.wallet, 'openQuote').mockRejectedValue(new WeftError('FUNDS_TOO_LOW', 'no money'));
  await expect(open()).rejects.toMatchObject({ reason: 'FUNDS_TOO_LOW' });
  expect(asked).toHaveBeenCalledTimes(1);
});

test('it ends when it is no longer wanted, whether the wallet answers or not', async () => {
  const stopped = Promise.reject(new WeftError('CANCELLED', 'stopped'));
  jest.spyOn(market.wallet, 'openQuote').mockReturnValue(new Promise<never>(() => {}));
  await expect(open(stopped)).rejects.toMatchObject({ reason: 'CANCELLED' });
});

test('a quote that cannot be closed just now costs nobody the channels', async () => {
  jest.spyOn(market.wallet, 'closeQuote').mockRejectedValueOnce(new WeftError('WALLET_UNAVAILABLE', 'gone'));
  expect(await open()).toBeUndefined();
  expect(said).toEqual(['  channels: their quote is still open (WALLET_UNAVAILABLE)']);
});
