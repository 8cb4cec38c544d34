import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Client, Connection } from '@temporalio/client';
import { openMarket } from '#client/market.js';
import { marketplaceOf, nowhere } from '#test/support/nowhere.js';
import { tempDir } from '#test/support/temp-dir.js';
import { createGateway, type GatewayOptions } from './gateway-app.js';
import { Health, type HealthReport } from './health/health.js';
import { firstKeyFile, KeyStore } from './keys/key-store.js';
import { Pipelines } from './runs/pipeline.js';
import { Runs } from './runs/runs.js';
import { shippedPipelines } from './runs/shipped-pipelines.js';

let folder: string;
let keys: KeyStore;
let app: NestExpressApplication;
let url: string;
let admin: string;

const generous = { perSec: 1000, burst: 1000 };

const connection = Connection.lazy({ address: nowhere });
const market = openMarket(marketplaceOf());

const options = (): GatewayOptions => {
  const pipelines = new Pipelines(shippedPipelines);
  const client = new Client({ connection });
  const parts = { market, temporal: client, taskQueue: 'none', registry: nowhere, wallet: nowhere };
  return {
    keys,
    market,
    pipelines,
    runs: new Runs({ client, pipelines, taskQueue: 'none', address: nowhere }),
    health: new Health({ ...parts, rpcUrl: `http://${nowhere}` }),
    publicUrls: [],
    trustedProxies: [],
    addressRate: generous,
    keyRate: generous,
  };
};

beforeAll(async () => {
  folder = tempDir();
  keys = KeyStore.open(folder);
  admin = (await readFile(firstKeyFile(folder), 'utf8')).trim();
  app = await createGateway(options());
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
});
afterAll(async () => {
  await app.close();
  market.close();
  await connection.close();
});

const call = (path: string, init: RequestInit = {}, key: string | undefined = admin) =>
  fetch(url + path, {
    ...init,
    headers: { ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...init.headers },
  });
const post = (path: string, body: unknown, key?: string) =>
  call(
    path,
    {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    },
    key,
  );
const errorOf = async (response: Response) => ((await response.json()) as { error: Record<string, unknown> }).error;

/** Sends headers that fetch does not let a program set. */
const raw = (path: string, headers: Record<string, string>) =>
  new Promise<number>((resolve, reject) => {
    request(url + path, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });

describe('keys', () => {
  test('the first key and the hashes are readable by their owner alone', async () => {
    for (const file of [firstKeyFile(folder), join(folder, 'keys.json')])
      expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('only hashes are kept, and a restart knows them', async () => {
    const secret = keys.create('kept', ['read']);
    const kept = await readFile(join(folder, 'keys.json'), 'utf8');
    expect(kept).toContain(createHash('sha256').update(secret).digest('hex'));
    expect(kept).not.toContain(secret);
    const again = KeyStore.open(folder);
    expect(again.find(secret)).toMatchObject({ name: 'kept', scopes: ['read'] });
    expect(again.find(admin)).toMatchObject({ name: 'local' });
  });

  test.each([
    ['no key', undefined],
    ['an unknown key', `weft_${'A'.repeat(43)}`],
    ['a hash in place of a key', 'f'.repeat(64)],
  ])('%s is 401', async (_name, key) => {
    const response = await call('/v1/keys', {}, key ?? '');
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    expect(await errorOf(response)).toMatchObject({ reason: 'UNAUTHENTICATED', details: { field: 'Authorization' } });
  });

  test('a key without the scope is 403', async () => {
    const response = await call('/v1/keys', {}, keys.create('reader', ['read', 'run']));
    expect(response.status).toBe(403);
    expect(await errorOf(response)).toMatchObject({ reason: 'PERMISSION_DENIED', details: { scope: 'admin' } });
  });

  test('a key can be made, listed without its secret, used and revoked, and its name is not given again', async () => {
    const made = (await (await post('/v1/keys', { name: 'agent-1', scopes: ['admin'] })).json()) as { key: string };
    const list = await (await call('/v1/keys', {}, made.key)).text();
    expect(list).toContain('"agent-1"');
    expect(list).not.toMatch(/sha256|weft_/);
    expect((await call('/v1/keys/agent-1', { method: 'DELETE' })).status).toBe(204);
    expect((await call('/v1/keys', {}, made.key)).status).toBe(401);
    expect(await errorOf(await post('/v1/keys', { name: 'agent-1', scopes: ['read'] }))).toMatchObject({
      details: { field: 'name' },
    });
  });
});

describe('input', () => {
  test.each([
    ['a wrong type', { name: 5, scopes: ['read'] }, 'name'],
    ['an unknown scope', { name: 'x', scopes: ['read', 'root'] }, 'scopes.1'],
    ['an unknown field', { name: 'x', scopes: ['read'], owner: 'me' }, ''],
    ['a prototype', '{"name":"x","scopes":["read"],"__proto__":{"admin":true},"more":1}', ''],
    ['nothing', '{}', 'name'],
    ['a list', '[]', ''],
  ])('T67 %s is 400 with the path of the field', async (_name, body, field) => {
    const response = await post('/v1/keys', body);
    expect(response.status).toBe(400);
    expect(await errorOf(response)).toMatchObject({ reason: 'INVALID_INPUT', details: { field } });
  });

  test('T68 text that is not JSON is told without a stack or a path', async () => {
    const response = await post('/v1/keys', '{"name":');
    expect(response.status).toBe(400);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ error: { reason: 'INVALID_JSON' } });
    expect(text).not.toMatch(/\bat |node_modules|\.ts|SyntaxError/);
  });

  test.each(['/v1/nothing', '/v1/keys/..%2f..%2fetc', '/v1/keys/%00', '/v1/%E0%A4%A'])(
    'T68 %s is an error in the one shape',
    async (path) => {
      const response = await call(path, { method: 'DELETE' });
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(response.status).toBeLessThan(500);
      const text = await response.text();
      expect(JSON.parse(text).error.reason).toMatch(/^[A-Z_]+$/);
      expect(text).not.toMatch(/\bat |node_modules|\.ts:/);
    },
  );

  test('T64 a body above the limit is 413, and a stranger’s body is never read', async () => {
    const body = JSON.stringify({ name: 'x'.repeat(70_000) });
    expect((await post('/v1/keys', body)).status).toBe(413);
    expect((await post('/v1/keys', body, 'nobody')).status).toBe(401);
  });
});

describe('parts that are down', () => {
  test.each([
    ['Temporal', 'GET', '/v1/runs', undefined, 'TEMPORAL_UNAVAILABLE'],
    ['the registry', 'GET', '/v1/listings?q=ocr', undefined, 'REGISTRY_UNAVAILABLE'],
    ['the registry', 'GET', '/v1/listings/ocr', undefined, 'REGISTRY_UNAVAILABLE'],
    ['the registry', 'POST', '/v1/quotes', { pipeline: 'intake' }, 'REGISTRY_UNAVAILABLE'],
  ])('%s: %s %s is 503 and says so', async (_name, method, path, body, reason) => {
    const response = await (method === 'POST' ? post(path, body) : call(path));
    expect(response.status).toBe(503);
    const error = await errorOf(response);
    expect(error).toMatchObject({ reason });
    expect(error['message']).toContain(nowhere);
  });

  test('health tells which', async () => {
    const { ok, parts } = (await (await call('/v1/health')).json()) as HealthReport;
    expect(ok).toBe(false);
    expect(parts.map(({ name, up }) => [name, up])).toEqual(
      ['registry', 'wallet', 'temporal', 'worker', 'chain'].map((name) => [name, false]),
    );
  });
});

describe('T67 search and quotes', () => {
  test.each([
    'q=%00&limit=0',
    'limit=51',
    'limit=-1',
    'limit=1e99',
    'limit=NaN',
    `q=${'x'.repeat(201)}`,
    'q=a&q=b',
    'q[$gt]=1',
    'page=2',
  ])('GET /v1/listings?%s is 400', async (query) => {
    expect((await call(`/v1/listings?${query}`)).status).toBe(400);
  });

  test.each(['%2e%2e', "ocr'--", 'a b', '%F0%9F%99%82', '0x12', '0', '-1', '1e3', '99999999999999999999'])(
    'GET /v1/listings/%s is refused before the registry is asked',
    async (key) => {
      const response = await call(`/v1/listings/${key}`);
      expect([400, 404]).toContain(response.status);
    },
  );

  test.each([
    [{}, ''],
    [{ pipeline: 'intake', listing: 'ocr', method: 'Recognize' }, ''],
    [{ listing: 'ocr' }, ''],
    [{ listing: 'ocr', method: 'Recognize', calls: 0 }, 'calls'],
    [{ listing: 'ocr', method: 'Recognize', calls: 1.5 }, 'calls'],
    [{ listing: 'ocr', method: 'Recognize', calls: '1' }, 'calls'],
    [{ listing: '../x', method: 'Recognize' }, 'listing'],
  ])('POST /v1/quotes %j is 400', async (body, field) => {
    const response = await post('/v1/quotes', body);
    expect(response.status).toBe(400);
    expect(await errorOf(response)).toMatchObject({ details: { field } });
  });
});

describe('browsers', () => {
  test('T69 a page of another origin is refused, one of ours and a program are not', async () => {
    expect((await call('/v1/keys', { headers: { origin: 'https://evil.example' } })).status).toBe(403);
    expect((await call('/v1/keys', { headers: { origin: 'null' } })).status).toBe(403);
    expect((await call('/v1/keys', { headers: { origin: url } })).status).toBe(200);
  });

  test('T69 a foreign host name that points here is refused', async () => {
    const authorization = `Bearer ${admin}`;
    expect(await raw('/v1/keys', { host: 'evil.example', authorization })).toBe(403);
    expect(await raw('/v1/keys', { host: `localhost:${new URL(url).port}`, authorization })).toBe(200);
  });

  test('T69 every answer forbids frames, sniffing and scripts', async () => {
    for (const path of ['/v1/keys', '/nothing', '/openapi.json']) {
      const { headers } = await call(path);
      expect(headers.get('content-security-policy')).toContain("default-src 'none'; frame-ancestors 'none'");
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('x-powered-by')).toBeNull();
    }
  });

  test('the page of the API loads under its own policy', async () => {
    const page = await call('/docs', {}, '');
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self';");
    expect(await page.text()).not.toMatch(/<script>[^<]/);
  });
});

test('T66 a caller above the rate waits, others do not', async () => {
  const limited = await createGateway({ ...options(), keyRate: { perSec: 0.001, burst: 3 } });
  try {
    await limited.listen(0, '127.0.0.1');
    const base = await limited.getUrl();
    const get = (key: string) => fetch(`${base}/v1/keys`, { headers: { authorization: `Bearer ${key}` } });
    const other = keys.create('other', ['admin']);
    expect([await get(admin), await get(admin), await get(admin)].map((r) => r.status)).toEqual([200, 200, 200]);
    const refused = await get(admin);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await errorOf(refused)).toMatchObject({ reason: 'OVERLOADED' });
    expect((await get(other)).status).toBe(200);
  } finally {
    await limited.close();
  }
});

test.each([
  ['its clients are told apart', ['127.0.0.0/8'], [200, 429, 200]],
  ['nobody is believed who is not named as one', ['10.0.0.1'], [200, 429, 429]],
])('T66 behind a proxy %s', async (_what, trustedProxies, expected) => {
  const limited = await createGateway({ ...options(), trustedProxies, addressRate: { perSec: 0.001, burst: 1 } });
  try {
    await limited.listen(0, '127.0.0.1');
    const base = await limited.getUrl();
    const got: number[] = [];
    for (const client of ['192.0.2.1', '192.0.2.1', '192.0.2.2'])
      got.push((await fetch(`${base}/openapi.json`, { headers: { 'x-forwarded-for': client } })).status);
    expect(got).toEqual(expected);
  } finally {
    await limited.close();
  }
});

test('the description names every route with its body and its answers', async () => {
  const document = (await (await call('/openapi.json', {}, '')).json()) as {
    paths: Record<string, Record<string, { requestBody?: unknown; responses: Record<string, unknown> }>>;
  };
  expect(document.paths['/v1/keys']?.['post']?.requestBody).toMatchObject({
    content: { 'application/json': { schema: { properties: { scopes: { type: 'array' } } } } },
  });
  expect(document.paths['/v1/keys']?.['get']?.responses['200']).toMatchObject({
    content: { 'application/json': { schema: { properties: { keys: { type: 'array' } } } } },
  });
});
