import { randomBytes } from 'node:crypto';
import type { JobRequirement, Requirement } from '#core/requirement.js';
import { ECHO, type EchoMarket, price, startEchoMarket } from '#test/support/echo-market.js';
import { FLOW, SAY, text } from '#test/support/paid-service.js';
import { PaidCaller } from './call/paid-caller.js';
import { openQuote, type QuoteMaker } from './quote.js';

describe('a step that a job would pay, of a method that streams,', () => {
  let market: EchoMarket;
  let maker: QuoteMaker & { readonly caller: PaidCaller };
  const byJob: JobRequirement = { evaluator: 'workflow', spanSec: 7_200, reviewSec: 3_600 };

  beforeAll(async () => {
    market = await startEchoMarket({
      prices: [price(SAY, 100n), price(FLOW, 1n, { kind: 'metered', unit: 'character', maxAmount: 100n })],
    });
    maker = market.weft().parts;
  });
  afterAll(() => market?.stop());

  const wanted = (method: string, job?: JobRequirement): Requirement => ({
    step: 'echo.flow',
    service: ECHO,
    method,
    calls: 1,
    maxPrice: '100',
    choice: { prefer: 'cheapest' },
    ...(job && { job }),
  });
  const quote = (requirement: Requirement) =>
    openQuote(maker, { quoteId: randomBytes(32), requirements: [requirement] });

  test('is refused with a sentence before a quote is opened', async () => {
    const before = await market.wallet.account();
    await expect(quote(wanted(FLOW, byJob))).rejects.toMatchObject({
      reason: 'JOB_UNFIT',
      message: 'a job pays for one response, not for a stream: settle echo.flow through a channel',
      details: { step: 'echo.flow' },
    });
    expect(await market.wallet.account()).toEqual(before);
    expect((await quote(wanted(SAY, byJob))).pins).toMatchObject([{ job: { spanSec: 7_200 } }]);
  });

  test('is refused before anything is funded, also if somebody else has pinned it', async () => {
    const { pins, quote: opened } = await quote(wanted(FLOW));
    const pin = { ...pins[0]!, job: { evaluator: undefined, spanSec: 7_200, reviewSec: 3_600 } };
    const { quoteId } = opened;
    const call = { quoteId, pin, callId: randomBytes(32), request: text('one two') };
    await expect(maker.caller.stream(call).next()).rejects.toMatchObject({ reason: 'JOB_UNFIT' });
    expect(await market.wallet.jobs()).toEqual([]);
  });
});
