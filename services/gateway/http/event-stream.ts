import type { Request, Response } from 'express';

/** One server-sent event. */
export interface ServerEvent {
  readonly event: string;
  readonly data: unknown;
}

/** Proxies and clients give up on what says nothing for a minute or a few. */
const KEEP_ALIVE_MS = 15_000;

/**
 * Sends events until the source ends or the reader leaves; `open` is told of the latter by its signal. Headers go out
 * once it has resolved, so that its error is an ordinary answer. While nothing happens comments are sent.
 */
export async function sendEvents(
  request: Request,
  response: Response,
  open: (signal: AbortSignal) => Promise<AsyncIterable<ServerEvent>>,
  keepAliveMs = KEEP_ALIVE_MS,
): Promise<void> {
  const leaving = new AbortController();
  request.once('close', () => leaving.abort());
  response.once('close', () => leaving.abort());
  const events = await open(leaving.signal);
  const sayAlive = () => response.write(': alive\n\n');
  response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8', 'X-Accel-Buffering': 'no' });
  sayAlive();
  const keepAlive = setInterval(sayAlive, keepAliveMs);
  try {
    for await (const { event, data } of events) {
      if (leaving.signal.aborted) break;
      // JSON has no line breaks of its own, hence one data line.
      response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    }
  } finally {
    clearInterval(keepAlive);
  }
  response.end();
}
