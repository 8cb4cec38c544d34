import fc from 'fast-check';
import { GatewayClient } from '#cli/gateway/gateway-client.js';
import { WeftError } from '#core/errors.js';
import { readSecret } from '#platform/secrets.js';
import { ECHO } from '#test/support/echo-market.js';
import { type GatewayMarket, startGatewayMarket } from '#test/support/gateway-market.js';
import { EXTRACT } from '#test/support/paid-words.js';
import { spawnNode } from '#test/support/spawn-node.js';
import type { HealthReport } from '../health/health.js';
import { firstKeyFile, gatewayFolder } from '../keys/key-store.js';
import type { RunSummary, RunView } from '../runs/run-views.js';

let market: GatewayMarket;
let gateway: GatewayClient;
beforeAll(async () => {
  market = await startGatewayMarket();
  gateway = new GatewayClient(market.gateway, market.keys.create('tester', ['read', 'run']));
});

const refusal = async (answer: Promise<unknown>) => {
  const error = await answer.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof WeftError) return error;
  throw new Error('was not refused');
};
const spent = async () => (await market.wallet.channels()).reduce((sum, { settled }) => sum + settled, 0n);

describe('listings', () => {
  test('are found by words, with what the registry says', async () => {
    const { listings } = await gateway.get<{ listings: object[] }>('/v1/listings?q=echo%20text');
    expect(listings[0]).toMatchObject({
      service: ECHO,
      listing: market.echo.listing,
      serving: true,
      status: 'active',
    });
    expect(await gateway.get('/v1/listings')).toEqual({ listings: [expect.anything(), expect.anything()] });
  });

  test.each(['echo', ECHO, '1'])('"%s" is one of them, held against the chain', async (key) => {
    expect(await gateway.get(`/v1/listings/${key}`)).toMatchObject({
      listing: market.echo.listing,
      prices: expect.arrayContaining([expect.objectContaining({ method: `${ECHO}/Say`, maxAmount: '100' })]),
    });
  });

  test('a contract is told as JSON Schema, method by method', async () => {
    expect(await gateway.get('/v1/listings/echo/contract')).toMatchObject({
      service: ECHO,
      methods: expect.arrayContaining([
        expect.objectContaining({
          name: 'Say',
          request: expect.objectContaining({ type: 'object', properties: { text: { type: 'string' } } }),
        }),
      ]),
    });
  });

  test('an unknown one is told as such', async () => {
    expect(await refusal(gateway.get('/v1/listings/nobody'))).toMatchObject({ reason: 'LISTING_UNKNOWN' });
  });
});

describe('quotes', () => {
  test('of a pipeline: what it is pinned to and costs at most', async () => {
    const { pins, maxTotal } = await gateway.post<{ pins: object[]; maxTotal: string }>('/v1/quotes', {
      pipeline: 'words',
    });
    expect(maxTotal).toBe('200');
    expect(pins).toEqual([
      expect.objectContaining({ step: 'words.extract', method: EXTRACT, calls: 2, maxPerCall: '100' }),
      expect.objectContaining({ step: 'words.sentiment', calls: 1, maxPerCall: '0' }),
    ]);
  });

  test('of calls; nothing is opened or moved', async () => {
    const before = await market.wallet.account();
    expect(await gateway.post('/v1/quotes', { listing: 'echo', method: 'Say', calls: 7 })).toMatchObject({
      pins: [{ listing: market.echo.listing, method: `${ECHO}/Say`, calls: 7, maxPerCall: '100' }],
      maxTotal: '700',
    });
    expect(await market.wallet.account()).toEqual(before);
  });

  test('of what is not offered is refused', async () => {
    expect(await refusal(gateway.post('/v1/quotes', { pipeline: 'letters' }))).toMatchObject({ reason: 'NOT_FOUND' });
    expect(await refusal(gateway.post('/v1/quotes', { listing: 'echo', method: 'Shout' }))).toMatchObject({
      reason: 'UNKNOWN_METHOD',
    });
  });
});

test('health: every part answers, and every service', async () => {
  const { ok, parts, services } = await gateway.get<HealthReport>('/v1/health');
  expect(parts.filter(({ up }) => !up)).toEqual([]);
  expect(ok).toBe(true);
  expect(services.map(({ up }) => up)).toEqual([true, true]);
});

describe('runs', () => {
  test('pay for every step, and tell what they paid, to whom, with which receipt', async () => {
    const before = await spent();
    const { runId } = await gateway.post<RunSummary>('/v1/runs', {
      pipeline: 'words',
      input: { text: 'one two' },
      maxTotal: '200',
    });
    const steps: object[] = [];
    let view: RunView | undefined;
    for await (const { event, data } of gateway.events(`/v1/runs/${runId}/events`)) {
      if (event === 'step') steps.push(data as object);
      else view = data as RunView;
    }
    expect(view).toMatchObject({ status: 'completed', quote: '200', paid: '200', output: { words: 5, bytes: 'AQID' } });
    expect(steps).toEqual(view?.steps);
    expect(view?.steps).toEqual([
      expect.objectContaining({
        step: 'words.extract',
        n: 0,
        amount: '100',
        receipt: { callId: expect.any(String), signer: expect.any(String), verified: true },
      }),
      expect.objectContaining({ step: 'words.extract', n: 1, amount: '100' }),
      expect.objectContaining({ step: 'words.sentiment', amount: '0', receipt: null }),
    ]);
    expect((await spent()) - before).toBe(200n);
  });

  test('that could cost more than they may fail before the first payment', async () => {
    const before = await spent();
    const { runId } = await gateway.post<RunSummary>('/v1/runs', {
      pipeline: 'words',
      input: { text: 'one' },
      maxTotal: '199',
    });
    for await (const { event, data } of gateway.events(`/v1/runs/${runId}/events`))
      if (event === 'end')
        expect(data).toMatchObject({ status: 'failed', paid: '0', error: { reason: 'QUOTE_ABOVE_LIMIT' } });
    expect(await spent()).toBe(before);
  });

  test('T39 no token and no key stands in a history', async () => {
    const { runId } = await gateway.post<RunSummary>('/v1/runs', {
      pipeline: 'words',
      input: { text: 'one' },
      maxTotal: '200',
    });
    await market.runs.client.workflow.getHandle(runId).result();
    const history = JSON.stringify(await market.runs.client.workflow.getHandle(runId).fetchHistory());
    for (const secret of market.secrets()) expect(history).not.toContain(secret);
    expect(market.secrets().length).toBeGreaterThan(3);
  });
});

test('as a process it starts from its main file, says where it is, and ends when told to', async () => {
  const running = spawnNode('services/gateway/main.ts', { env: { WEFT_HOME: market.home } });
  const [line] = await running.waitForLine(/^.*"msg":"ready".*$/);
  const { url } = JSON.parse(line) as { url: string };
  const own = new GatewayClient(url, readSecret(firstKeyFile(gatewayFolder(market.home))));
  expect(await own.get('/v1/pipelines/intake')).toMatchObject({
    name: 'intake',
    input: { properties: { image: { contentEncoding: 'base64' } }, required: ['image'] },
  });
  expect(await own.get('/v1/health')).toMatchObject({ ok: true });
  running.kill('SIGTERM');
  expect(await running.exited).toEqual({ code: 0, signal: null });
  for (const secret of market.secrets()) expect(running.lines.join('\n')).not.toContain(secret);
});

describe('T67 T68 whatever is sent to whichever route', () => {
  const nasty = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.constantFrom(
      '',
      '0',
      '-1',
      '1e309',
      'NaN',
      '__proto__',
      '../..',
      '%00',
      "' or 1=1 --",
      'a.b.c',
      '\u202e',
      'null',
    ),
    fc.integer(),
    fc.double(),
    fc.constant(null),
  );
  const value = fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    nasty,
    fc.object({
      key: fc.constantFrom(
        'pipeline',
        'input',
        'maxTotal',
        'listing',
        'method',
        'calls',
        'name',
        'scopes',
        '__proto__',
      ),
      values: [nasty],
      maxDepth: 3,
    }),
  );
  const body = fc.oneof(
    value.map((json) => JSON.stringify(json)),
    fc
      .record({ pipeline: value, input: value, maxTotal: value }, { requiredKeys: [] })
      .map((json) => JSON.stringify(json)),
    fc
      .record({ listing: value, method: value, calls: value }, { requiredKeys: [] })
      .map((json) => JSON.stringify(json)),
    fc.record({ name: value, scopes: fc.array(value) }).map((json) => JSON.stringify(json)),
    fc.string({ unit: 'binary' }),
  );

  test('is answered or refused in the one shape, with nothing of the inside', async () => {
    const admin = market.keys.create('fuzzer', ['admin']);
    const { paths } = await gateway.get<{ paths: Record<string, Record<string, unknown>> }>('/openapi.json');
    const routes = Object.entries(paths).flatMap(([path, verbs]) => Object.keys(verbs).map((verb) => ({ path, verb })));
    expect(routes.length).toBeGreaterThan(12);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...routes), nasty, value, body, async ({ path, verb }, part, query, content) => {
        const url = new URL(
          market.gateway + path.replace(/\{\w+\}/g, encodeURIComponent(Buffer.from(String(part)).toString() || 'x')),
        );
        url.searchParams.set(['q', 'limit', 'beforeSec', 'constructor'][path.length % 4] as string, String(query));
        const method = verb.toUpperCase();
        const response = await fetch(url, {
          method,
          headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
          ...(method === 'POST' ? { body: content } : {}),
        });
        const text = await response.text();
        if (response.status < 400) return;
        expect(response.status).toBeLessThan(500);
        expect(JSON.parse(text)).toEqual({
          error: {
            code: expect.any(String),
            reason: expect.any(String),
            message: expect.any(String),
            details: expect.any(Object),
          },
        });
        expect(text).not.toMatch(/\n? {4}at |node_modules|\.ts:\d/);
      }),
      { numRuns: 600 },
    );
  });
});
