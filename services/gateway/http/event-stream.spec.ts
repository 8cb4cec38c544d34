import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Response as ExpressResponse, Request } from 'express';
import { readEvents } from '#cli/gateway/read-events.js';
import { type ServerEvent, sendEvents } from './event-stream.js';

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server?.closeAllConnections();
});

/** The answer of a server of that stream. */
async function answerOf(open: () => Promise<AsyncIterable<ServerEvent>>): Promise<Response> {
  const started = createServer((request, response) => {
    sendEvents(request as Request, response as ExpressResponse, open, 1).catch(() => response.writeHead(404).end());
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  return fetch(`http://127.0.0.1:${(started.address() as AddressInfo).port}`);
}

test('something is sent again and again while nothing happens, and no reader takes it for an event', async () => {
  let happen: () => void;
  const happens = new Promise<void>((resolve) => (happen = resolve));
  async function* source(): AsyncGenerator<ServerEvent> {
    await happens;
    yield { event: 'end', data: {} };
  }
  const response = await answerOf(async () => source());
  let text = '';
  async function* heard() {
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString();
      if (text.split(': alive\n\n').length > 3) happen();
      yield chunk;
    }
  }
  const events: unknown[] = [];
  for await (const event of readEvents(heard())) events.push(event);
  expect(events).toEqual([{ event: 'end', data: {} }]);
  expect(text.endsWith('event: end\ndata: {}\n\n')).toBe(true);
});

test('what cannot be watched is an ordinary refusal', async () => {
  const response = await answerOf(() => Promise.reject(new Error('no')));
  expect(response.status).toBe(404);
  await response.body?.cancel();
});
