import { join } from 'node:path';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Client } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker';
import { z } from 'zod';
import { readEvents } from '#cli/gateway/read-events.js';
import { type OpenMarket, openMarket } from '#client/market.js';
import { connectTemporal } from '#client/temporal/connect-temporal.js';
import { workerDataConverter } from '#client/temporal/data-converter.js';
import { bundleWorkflows } from '#services/worker/bundle.js';
import { marketplaceOf } from '#test/support/nowhere.js';
import { tempDir } from '#test/support/temp-dir.js';
import { startTemporal } from '#test/support/temporal.js';
import { endStepSignal } from '#test/workflows/slow.js';
import { createGateway } from '../gateway-app.js';
import { Health, type HealthReport } from '../health/health.js';
import { KeyStore } from '../keys/key-store.js';
import { Pipelines } from './pipeline.js';
import { base64Bytes } from './pipeline-input.js';
import type { RunSummary, RunView } from './run-views.js';
import { Runs } from './runs.js';

const generous = { perSec: 10_000, burst: 10_000 };
const taskQueue = 'weft-test';

let client: Client;
let worker: Worker;
let working: Promise<void>;
let native: NativeConnection;
let bundle: WorkflowBundle;
let payloads: string;
let market: OpenMarket;
let app: NestExpressApplication;
let url: string;
let alice: string;
let bob: string;
let admin: string;
let reader: string;

async function startWorker(): Promise<void> {
  worker = await Worker.create({
    connection: native,
    taskQueue,
    workflowBundle: bundle,
    dataConverter: workerDataConverter({ folder: payloads }),
  });
  working = worker.run();
  working.catch(() => {});
}

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const folder = tempDir();
  const temporal = await startTemporal();
  const payloadFolder = join(folder, 'payloads');
  client = await connectTemporal({
    address: temporal.address,
    namespace: 'default',
    payloads: { folder: payloadFolder },
  });
  native = await NativeConnection.connect({ address: temporal.address });
  bundle = await bundleWorkflows(join(import.meta.dirname, '../../../test/workflows/slow.ts'));
  payloads = payloadFolder;
  await startWorker();
  const keys = KeyStore.open(folder);
  alice = keys.create('alice', ['read', 'run']);
  bob = keys.create('bob', ['read', 'run']);
  admin = keys.create('boss', ['admin']);
  reader = keys.create('reader', ['read']);
  const pipelines = new Pipelines([
    {
      name: 'slow',
      summary: 'Waits for the test',
      workflowType: 'slow',
      requirements: [],
      input: z.strictObject({
        image: base64Bytes(16 * 1024 * 1024),
        steps: z.int().min(0).max(10),
        fail: z.string().optional(),
        segmented: z.boolean().optional(),
      }),
    },
  ]);
  const marketplace = marketplaceOf({
    temporal: { address: temporal.address, namespace: 'default', ui: '' },
    taskQueue,
  });
  market = openMarket(marketplace);
  const health = new Health({ ...marketplace, market, temporal: client });
  const runs = new Runs({ client, pipelines, taskQueue, address: temporal.address });
  app = await createGateway({
    keys,
    market,
    health,
    runs,
    pipelines,
    publicUrls: [],
    trustedProxies: [],
    addressRate: generous,
    keyRate: generous,
  });
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
});
afterAll(async () => {
  await app?.close();
  market?.close();
  worker?.shutdown();
  await working;
  await native?.close();
  await client?.connection.close();
});

const call = (key: string, path: string, method = 'GET', body?: unknown, headers: Record<string, string> = {}) =>
  fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
const json = async <T>(response: Promise<Response>) => (await (await response).json()) as T;

const image = Buffer.from('picture').toString('base64');
const start = (key: string, input: object = { image, steps: 1 }, headers = {}) =>
  json<RunSummary>(call(key, '/v1/runs', 'POST', { pipeline: 'slow', input, maxTotal: '100' }, headers));
const endStep = (id: string) => client.workflow.getHandle(id).signal(endStepSignal);
const watch = async (key: string, id: string) => {
  const response = await call(key, `/v1/runs/${id}/events`);
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  return readEvents(response.body as AsyncIterable<Uint8Array>);
};

test('a run is started, watched step by step, and answers with its output', async () => {
  const { runId, status, owner } = await start(alice, { image, steps: 2 });
  expect({ status, owner }).toEqual({ status: 'running', owner: 'alice' });
  await endStep(runId);
  const events = await watch(alice, runId);
  expect((await events.next()).value).toMatchObject({ event: 'step', data: { n: 0, amount: '7' } });
  await endStep(runId);
  expect((await events.next()).value).toMatchObject({ event: 'step', data: { n: 1 } });
  const { value: end } = await events.next();
  expect(end).toMatchObject({
    event: 'end',
    data: {
      runId,
      pipeline: 'slow',
      status: 'completed',
      paid: '14',
      output: { bytes: 7, image: Buffer.from('pic').toString('base64'), big: '18446744073709551616' },
    },
  });
  expect((await events.next()).done).toBe(true);
  expect(await json<RunView>(call(alice, `/v1/runs/${runId}`))).toEqual(end?.data);
});

test('steps after a run went on as new are told as well, and what was before', async () => {
  const { runId } = await start(alice, { image, steps: 2, segmented: true });
  await endStep(runId);
  const events = await watch(alice, runId);
  expect((await events.next()).value).toMatchObject({ event: 'step', data: { n: 0 } });
  await endStep(runId);
  expect((await events.next()).value).toMatchObject({ event: 'step', data: { n: 0, segment: 1 } });
  const { value: end } = await events.next();
  expect(end).toMatchObject({ event: 'end', data: { paid: '14', earlier: { steps: 1, paid: '7' } } });
});

test('a picture of 16 MiB goes through, a larger one is refused by its field', async () => {
  const bytes = 16 * 1024 * 1024;
  const { runId } = await start(alice, { image: Buffer.alloc(bytes, 1).toString('base64'), steps: 0 });
  expect(await client.workflow.getHandle(runId).result()).toMatchObject({ bytes });
  const refused = await call(alice, '/v1/runs', 'POST', {
    pipeline: 'slow',
    input: { image: Buffer.alloc(bytes + 3, 1).toString('base64'), steps: 0 },
    maxTotal: '1',
  });
  expect(refused.status).toBe(400);
  expect(await refused.json()).toMatchObject({ error: { details: { field: 'input.image' } } });
});

test('a watcher is answered before anything has happened', async () => {
  const { runId } = await start(alice);
  // No step ends before it.
  const events = await watch(alice, runId);
  await endStep(runId);
  expect((await events.next()).value).toMatchObject({ event: 'step', data: { n: 0 } });
  expect((await events.next()).value).toMatchObject({ event: 'end', data: { status: 'completed' } });
});

test('what the run states of its failure is told, a fault of its code is not', async () => {
  const ours = await start(alice, { image, steps: 0, fail: 'ours' });
  const events = await watch(alice, ours.runId);
  expect((await events.next()).value).toMatchObject({
    event: 'end',
    data: { status: 'failed', error: { reason: 'QUOTE_ABOVE_LIMIT', details: { field: 'maxTotal' } } },
  });
  const fault = await start(alice, { image, steps: 0, fail: 'fault' });
  const view = (await (await watch(alice, fault.runId)).next()).value;
  expect(view).toMatchObject({ data: { status: 'failed', error: { reason: 'SERVICE_FAILED' } } });
  expect(JSON.stringify(view)).not.toContain('secret');
});

test('T66 a key watches 16 runs at once, and more when it has let go of one', async () => {
  const { runId } = await start(bob, { image, steps: 2 });
  await endStep(runId);
  const leaving = new AbortController();
  const open = (init: RequestInit = {}) =>
    fetch(`${url}/v1/runs/${runId}/events`, { ...init, headers: { authorization: `Bearer ${bob}` } });
  const watching = await Promise.all(Array.from({ length: 16 }, () => open({ signal: leaving.signal })));
  expect(watching.map(({ status }) => status)).toEqual(Array(16).fill(200));
  expect((await open()).status).toBe(429);
  leaving.abort();
  for (let status = 429; status === 429; ) ({ status } = await open());
  await endStep(runId);
});

test('T50 a watcher misses nothing while the worker is replaced', async () => {
  const { runId } = await start(alice, { image, steps: 2 });
  await endStep(runId);
  const events = await watch(alice, runId);
  expect((await events.next()).value).toMatchObject({ event: 'step', data: { n: 0 } });
  worker.shutdown();
  await working;
  await endStep(runId);
  const next = events.next();
  // Nobody can tell yet; the watcher waits.
  const patience = new Promise((resolve) => setTimeout(resolve, 500, 'nothing'));
  expect(await Promise.race([next, patience])).toBe('nothing');
  await startWorker();
  expect((await next).value).toMatchObject({ event: 'step', data: { n: 1 } });
  expect((await events.next()).value).toMatchObject({ event: 'end', data: { status: 'completed', paid: '14' } });
}, 120_000);

test('a run can be cancelled', async () => {
  const { runId } = await start(alice);
  expect((await call(alice, `/v1/runs/${runId}`, 'DELETE')).status).toBe(202);
  const events = await watch(alice, runId);
  expect((await events.next()).value).toMatchObject({
    event: 'end',
    data: { status: 'cancelled', error: { reason: 'CANCELLED' } },
  });
});

test('T49 another key’s run is 403 for every verb, and not listed; an admin reaches it', async () => {
  const { runId } = await start(alice);
  for (const [path, method] of [
    [`/v1/runs/${runId}`, 'GET'],
    [`/v1/runs/${runId}/events`, 'GET'],
    [`/v1/runs/${runId}`, 'DELETE'],
  ] as const)
    expect((await call(bob, path, method)).status).toBe(403);
  expect((await call(admin, `/v1/runs/${runId}`)).status).toBe(200);
  expect((await call(alice, `/v1/runs/${runId}`)).status).toBe(200);
  const runsOf = async (key: string) =>
    (await json<{ runs: RunSummary[] }>(call(key, '/v1/runs?limit=200'))).runs.map((run) => run.runId);
  // What Temporal lists lags behind what it knows.
  for (let seen: string[] = []; !seen.includes(runId); ) seen = await runsOf(alice);
  expect(await runsOf(admin)).toContain(runId);
  expect(await runsOf(bob)).not.toContain(runId);
});

test('T49 a workflow that the gateway did not start is nobody’s run, whatever its id', async () => {
  const workflowId = 'alice.forged';
  await client.workflow.start('slow', { taskQueue, workflowId, args: [{ image: new Uint8Array(), steps: 1 }] });
  expect((await call(alice, `/v1/runs/${workflowId}`)).status).toBe(403);
  expect((await call(admin, `/v1/runs/${workflowId}`)).status).toBe(403);
  const listed = async () => {
    const infos = client.workflow.list({ query: `WorkflowId = "${workflowId}"` });
    for await (const _info of infos) return true;
    return false;
  };
  while (!(await listed()));
  for (const key of [alice, admin])
    expect(await (await call(key, '/v1/runs?limit=200')).text()).not.toContain('forged');
});

test('T49 a key that may only read starts and cancels nothing', async () => {
  expect((await call(reader, '/v1/runs', 'POST', { pipeline: 'slow', input: {}, maxTotal: '1' })).status).toBe(403);
  expect((await call(reader, '/v1/runs/reader.1', 'DELETE')).status).toBe(403);
});

test('the same Idempotency-Key starts once, and stands for one request', async () => {
  const headers = { 'idempotency-key': 'order-0001' };
  const first = await start(alice, { image, steps: 1 }, headers);
  expect((await start(alice, { image, steps: 1 }, headers)).runId).toBe(first.runId);
  const other = { pipeline: 'slow', input: { image, steps: 2 }, maxTotal: '100' };
  const refused = await call(alice, '/v1/runs', 'POST', other, headers);
  expect(refused.status).toBe(400);
  expect(await refused.json()).toMatchObject({ error: { details: { field: 'Idempotency-Key' } } });
  const licensed = { pipeline: 'slow', input: { image, steps: 1 }, maxTotal: '100', licences: [`0x${'1'.repeat(64)}`] };
  expect((await call(alice, '/v1/runs', 'POST', licensed, headers)).status).toBe(400);
  expect((await start(bob, { image, steps: 1 }, headers)).runId).not.toBe(first.runId);
});

test.each([
  ['an unknown pipeline', { pipeline: 'slwo', input: {}, maxTotal: '1' }, 'pipeline', 404],
  ['a missing input', { pipeline: 'slow', input: {}, maxTotal: '1' }, 'input.image', 400],
  ['an unknown input', { pipeline: 'slow', input: { image, steps: 1, colour: 'red' }, maxTotal: '1' }, 'input', 400],
  [
    'text that is not base64',
    { pipeline: 'slow', input: { image: '%%', steps: 1 }, maxTotal: '1' },
    'input.image',
    400,
  ],
  ['a limit that is a number', { pipeline: 'slow', input: {}, maxTotal: 5 }, 'maxTotal', 400],
  ['a negative limit', { pipeline: 'slow', input: {}, maxTotal: '-5' }, 'maxTotal', 400],
  ['a limit in scientific notation', { pipeline: 'slow', input: {}, maxTotal: '1e9' }, 'maxTotal', 400],
  ['licences that are no list', { pipeline: 'slow', input: {}, maxTotal: '5', licences: '0x12' }, 'licences', 400],
  ['a licence that is none', { pipeline: 'slow', input: {}, maxTotal: '5', licences: ['0x12'] }, 'licences.0', 400],
  [
    'more licences than a run can use',
    { pipeline: 'slow', input: {}, maxTotal: '5', licences: Array(65).fill(`0x${'1'.repeat(64)}`) },
    'licences',
    400,
  ],
])('T67 %s is refused with its field, and nothing starts', async (_name, body, field, status) => {
  const response = await call(alice, '/v1/runs', 'POST', body);
  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject({ error: { details: { field } } });
});

test.each(['limit=0', 'limit=-1', 'limit=1e9', 'limit=NaN', 'limit=', 'limit=1&limit=2', 'beforeSec=Infinity', 'x=1'])(
  'T67 GET /v1/runs?%s is 400',
  async (query) => {
    expect((await call(alice, `/v1/runs?${query}`)).status).toBe(400);
  },
);

test.each(['nobody.1', 'a b', '..', `x${'y'.repeat(200)}`, '%00'])('an unknown run "%s" is 4xx', async (id) => {
  const { status } = await call(alice, `/v1/runs/${encodeURIComponent(id)}`);
  expect([400, 404]).toContain(status);
});

test('health knows Temporal and the worker, and what is down', async () => {
  const { ok, parts } = await json<HealthReport>(call(reader, '/v1/health'));
  expect(ok).toBe(false);
  expect(parts.filter(({ up }) => up).map(({ name }) => name)).toEqual(['temporal', 'worker']);
});

test('the inputs of a pipeline are told as JSON Schema', async () => {
  expect(await json(call(alice, '/v1/pipelines/slow'))).toMatchObject({
    name: 'slow',
    input: {
      type: 'object',
      properties: { image: { type: 'string', contentEncoding: 'base64' }, steps: { type: 'integer' } },
      required: ['image', 'steps'],
    },
  });
});
