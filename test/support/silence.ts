import type { RawReply } from '#payments/rpc/raw-call.js';
import type { RelayedCall } from './relay.js';

export interface SilenceOptions {
  /** Whether calls are done before nothing is heard of them any more. */
  readonly isDone: boolean;
  /** What a call is about: its retries are about the same. Default: all are. */
  readonly about?: (request: Buffer) => string;
}

const never = new Promise<never>(() => {});

/** Calls of one method that get no answer, as if the machine had lost power. */
export class Silence {
  readonly #met = new Set<string>();
  #tell: () => unknown = () => {};

  constructor(
    private readonly method: string,
    private readonly options: SilenceOptions,
  ) {}

  concerns({ method }: RelayedCall): boolean {
    return method.endsWith(`/${this.method}`);
  }

  async swallow({ request }: RelayedCall, forward: () => Promise<RawReply>): Promise<never> {
    const { isDone, about = () => '' } = this.options;
    if (isDone) await forward();
    this.#met.add(about(request));
    this.#tell();
    return never;
  }

  /** Resolves once it has met calls about so many different things. */
  meets(count = 1): Promise<void> {
    return new Promise((resolve) => {
      this.#tell = () => this.#met.size >= count && resolve();
      this.#tell();
    });
  }
}
