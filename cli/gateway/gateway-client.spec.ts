import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GatewayClient } from './gateway-client.js';
import { readEvents } from './read-events.js';

async function* chunks(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text);
}
const all = async <T>(items: AsyncIterable<T>) => {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
};

describe('readEvents', () => {
  test('joins what the network cut, inside characters too', async () => {
    const bytes = Buffer.from('id: 1\nevent: step\ndata: {"text":"Grüße"}\n\n: alive\n\nevent: end\ndata: {}\n\n');
    const cut = bytes.indexOf('ü') + 1;
    expect(await all(readEvents(parts(bytes.subarray(0, cut), bytes.subarray(cut))))).toEqual([
      { event: 'step', data: { text: 'Grüße' } },
      { event: 'end', data: {} },
    ]);
  });

  test('an event that never came to its end is not told', async () => {
    expect(await all(readEvents(chunks('event: end\ndata: {"half":')))).toEqual([]);
  });
});

async function* parts(...pieces: Uint8Array[]) {
  yield* pieces;
}

describe('GatewayClient', () => {
  let server: Server;
  let url: string;
  let answer: { status: number; body: string };
  beforeAll(async () => {
    server = createServer((_request, response) => response.writeHead(answer.status).end(answer.body));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  test('a refusal keeps its reason and details', async () => {
    const error = { reason: 'QUOTE_ABOVE_LIMIT', message: 'it may cost 7', details: { field: 'maxTotal' } };
    answer = { status: 400, body: JSON.stringify({ error }) };
    await expect(new GatewayClient(url, 'k').get('/x')).rejects.toMatchObject(error);
  });

  test('an answer of something that is no gateway is a failure, not a crash', async () => {
    answer = { status: 502, body: '<html>bad gateway</html>' };
    await expect(new GatewayClient(url, 'k').get('/x')).rejects.toMatchObject({ reason: 'SERVICE_FAILED' });
  });

  test('a stream that breaks off is the gateway’s going away', async () => {
    const breaking = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('event: step\ndata: {}\n\n', () => response.destroy());
    });
    await new Promise<void>((done) => breaking.listen(0, '127.0.0.1', done));
    const base = `http://127.0.0.1:${(breaking.address() as AddressInfo).port}`;
    try {
      await expect(all(new GatewayClient(base, 'k').events('/x'))).rejects.toMatchObject({
        reason: 'GATEWAY_UNAVAILABLE',
      });
    } finally {
      breaking.close();
    }
  });

  test('no gateway at all is told as such', async () => {
    await expect(new GatewayClient('http://127.0.0.1:1', 'k').get('/x')).rejects.toMatchObject({
      reason: 'GATEWAY_UNAVAILABLE',
    });
  });
});
