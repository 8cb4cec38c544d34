import { WeftError } from '#core/errors.js';
import { partDown } from '#core/part-down.js';
import { isReason } from '#core/reasons.js';
import { type ReadEvent, readEvents } from './read-events.js';

const TIMEOUT_MS = 30_000;

/** The gateway's REST API with one key. Refusals come as the WeftError that the gateway was told. */
export class GatewayClient {
  constructor(
    private readonly url: string,
    private readonly key: string,
  ) {}

  get<T>(path: string): Promise<T> {
    return this.json('GET', path);
  }

  post<T>(path: string, body: unknown): Promise<T> {
    return this.json('POST', path, body);
  }

  delete<T>(path: string): Promise<T> {
    return this.json('DELETE', path);
  }

  /** Server-sent events from now (or after `lastEventId`) until the gateway ends them. */
  async *events(path: string, lastEventId?: string): AsyncGenerator<ReadEvent> {
    const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const response = await this.send('GET', path, { headers });
    if (response.body !== null) yield* readEvents(this.whole(response.body));
  }

  /** A connection that breaks in the middle is the gateway's going away. */
  private async *whole(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
    } catch (cause) {
      throw this.unavailable(cause);
    }
  }

  private unavailable(cause: unknown): WeftError {
    return partDown('GATEWAY_UNAVAILABLE', this.url, cause);
  }

  private async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.send(method, path, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  private async send(method: string, path: string, init: RequestInit): Promise<Response> {
    const headers = { ...init.headers, authorization: `Bearer ${this.key}` };
    const response = await fetch(this.url + path, { ...init, method, headers, redirect: 'error' }).catch(
      (cause: unknown) => {
        throw this.unavailable(cause);
      },
    );
    if (!response.ok) throw await refusal(response);
    return response;
  }
}

async function refusal(response: Response): Promise<WeftError> {
  const body = (await response.json().catch(() => undefined)) as
    | { error?: { reason?: unknown; message?: unknown; details?: unknown } }
    | undefined;
  const { reason, message, details } = body?.error ?? {};
  if (typeof reason !== 'string' || !isReason(reason) || typeof message !== 'string')
    return new WeftError(
      'SERVICE_FAILED',
      `the gateway answered ${response.status} and said nothing that we understand`,
    );
  return new WeftError(reason, message, (details ?? {}) as Record<string, string>);
}
