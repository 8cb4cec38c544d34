import { type Client, connectivityState } from '@grpc/grpc-js';

interface Entry {
  readonly opening: Promise<Client>;
  readonly openedAtMs: number;
  client?: Client;
}

/** How long a channel is given before its endpoint's name is resolved anew. */
const REOPEN_MS = 10_000;

/**
 * One gRPC channel per endpoint, opened on first use and kept. `open` decides whether and to which address an endpoint
 * is connected; a refusal is not remembered. A channel that finds nobody is opened anew, in case the service has moved to another address.
 */
export class ChannelPool {
  readonly #entries = new Map<string, Entry>();

  constructor(
    private readonly open: (endpoint: string) => Client | Promise<Client>,
    private readonly reopenMs = REOPEN_MS,
  ) {}

  client(endpoint: string): Promise<Client> {
    const known = this.#entries.get(endpoint);
    if (known !== undefined && !this.#isLost(known)) return known.opening;
    known?.client?.close();
    const opening = Promise.resolve(this.open(endpoint));
    const entry: Entry = { opening, openedAtMs: performance.now() };
    this.#entries.set(endpoint, entry);
    opening.then(
      (client) => {
        entry.client = client;
      },
      () => {
        if (this.#entries.get(endpoint) === entry) this.#entries.delete(endpoint);
      },
    );
    return opening;
  }

  close(): void {
    for (const { opening } of this.#entries.values()) opening.then((client) => client.close()).catch(() => {});
    this.#entries.clear();
  }

  /** New calls on such a channel fail at once, until grpc-js tries again; what an ending server still answers goes on, though it is closed. */
  #isLost({ client, openedAtMs }: Entry): boolean {
    const state = client?.getChannel().getConnectivityState(false);
    return state === connectivityState.TRANSIENT_FAILURE && performance.now() - openedAtMs >= this.reopenMs;
  }
}
