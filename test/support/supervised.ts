import { setTimeout as delay } from 'node:timers/promises';

export interface Part {
  /** Never rejects. */
  readonly exited: Promise<unknown>;
  kill(): void;
  stop(): Promise<void>;
}

/** A part that is started again whenever it ends, as a service manager does it. */
export class Supervised {
  #present: Part | undefined;
  #ready!: Promise<void>;
  #isReady: () => void = () => {};
  #stopping = false;
  readonly #running: Promise<void>;

  /** `start` resolves when the part is ready, and may show it before: so it can be killed while it starts. */
  constructor(
    readonly name: string,
    private readonly start: (spawned: (part: Part) => void) => Promise<Part>,
  ) {
    this.#await();
    this.#running = this.#run();
  }

  /** Resolves when it is ready, or at the next time it is. */
  ready(): Promise<void> {
    return this.#ready;
  }

  /** Resolves when what runs now is gone. */
  async kill(): Promise<void> {
    const part = this.#present;
    if (part === undefined) return;
    part.kill();
    await part.exited;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#present?.stop();
    await this.#running;
  }

  #await(): void {
    this.#ready = new Promise((resolve) => {
      this.#isReady = resolve;
    });
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      try {
        this.#present = await this.start((part) => {
          this.#present = part;
        });
        this.#isReady();
        await this.#present.exited;
        this.#await();
      } catch (error) {
        if (!this.#stopping)
          console.log(`${this.name}: ${error instanceof Error ? error.message.split('\n')[0] : error}`);
        await delay(200);
      }
      this.#present = undefined;
    }
  }
}
