import type { Client } from '@grpc/grpc-js';

/**
 * One gRPC channel per endpoint, opened on first use and kept. `open` decides whether and to which address an endpoint
 * is connected; a refusal is not remembered.
 */
export class ChannelPool {
  readonly #clients = new Map<string, Promise<Client>>();

  constructor(private readonly open: (endpoint: string) => Client | Promise<Client>) {}

  client(endpoint: string): Promise<Client> {
    const known = this.#clients.get(endpoint);
    if (known !== undefined) return known;
    const opening = Promise.resolve(this.open(endpoint));
    this.#clients.set(endpoint, opening);
    opening.catch(() => this.#clients.delete(endpoint));
    return opening;
  }

  close(): void {
    for (const opening of this.#clients.values()) opening.then((client) => client.close()).catch(() => {});
    this.#clients.clear();
  }
}
