import { WeftError } from '#core/errors.js';

/** Errors travel in trailers, which are small. */
const MAX_MESSAGE = 3_000;
const MAX_DETAIL = 3_000;

/** Collects everything that is against something, to say it all at once. */
export class Problems {
  readonly #found: WeftError[] = [];

  /** What `check` answers; undefined if it threw a refusal, which is kept. What is no refusal of ours, or passes by itself, is thrown on. */
  async collect<T>(check: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await check();
    } catch (error) {
      if (!(error instanceof WeftError) || error.reason === 'CHAIN_UNAVAILABLE' || error.reason === 'INTERNAL')
        throw error;
      this.add(error);
      return undefined;
    }
  }

  add(problem: WeftError): void {
    this.#found.push(problem);
  }

  get isEmpty(): boolean {
    return this.#found.length === 0;
  }

  /** Throws the only problem, or one that lists all: the first one's reason, and in `details.problems` JSON [{reason, message}]. */
  throwIfAny(): void {
    const [first, ...others] = this.#found;
    if (first === undefined) return;
    if (others.length === 0) throw new WeftError(first.reason, cut(first.message, MAX_MESSAGE), first.details);
    const lines = this.#found.map(({ reason, message }) => `- ${reason}: ${message}`);
    throw new WeftError(first.reason, cut(`${lines.length} things are against it:\n${lines.join('\n')}`, MAX_MESSAGE), {
      ...first.details,
      problems: this.#asJson(),
    });
  }

  /** As many as fit, so that what arrives is JSON. */
  #asJson(): string {
    const kept: { reason: string; message: string }[] = [];
    for (const { reason, message } of this.#found) {
      const more = [...kept, { reason, message: cut(message, 400) }];
      if (JSON.stringify(more).length > MAX_DETAIL) break;
      kept.push({ reason, message: cut(message, 400) });
    }
    return JSON.stringify(kept);
  }
}

const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
