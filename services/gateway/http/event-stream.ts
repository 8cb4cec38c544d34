import type { Request, Response } from 'express';

/** One server-sent event. */
export interface ServerEvent {
  readonly event: string;
  readonly data: unknown;
}

const KEEP_ALIVE_MS = 15_000;

/**
 * Sends events until the source ends or the reader leaves; `open` is told of the latter by its signal. Headers go out
 * with the first event, so that an error before it is an ordinary answer.
 */
export async function sendEvents(
  request: Request,
  response: Response,
  open: (signal: AbortSignal) => AsyncIterable<ServerEvent>,
): Promise<void> {
  const leaving = new AbortController();
  request.once('close', () => leaving.abort());
  response.once('close', () => leaving.abort());
  let keepAlive: NodeJS.Timeout | undefined;
  try {
    for await (const { event, data } of open(leaving.signal)) {
      if (leaving.signal.aborted) break;
      if (!response.headersSent) {
        response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8', 'X-Accel-Buffering': 'no' });
        keepAlive = setInterval(() => response.write(': alive\n\n'), KEEP_ALIVE_MS);
      }
      // JSON has no line breaks of its own, hence one data line.
      response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    }
  } finally {
    clearInterval(keepAlive);
  }
  response.end();
}
