/** Says on stderr what is going on: a line when something starts, and its time when it took over a second. */
export class Progress {
  readonly #startedMs = Date.now();

  constructor(private readonly quiet = false) {}

  say(line: string): void {
    if (!this.quiet) process.stderr.write(`${line}\n`);
  }

  /** Runs `work` under a title. */
  async step<T>(title: string, work: () => Promise<T>): Promise<T> {
    const begunMs = Date.now();
    const slow = setTimeout(() => this.say(`  ${title} …`), 1_000);
    try {
      const result = await work();
      this.say(`✔ ${title} ${seconds(Date.now() - begunMs)}`);
      return result;
    } catch (error) {
      this.say(`✘ ${title}`);
      throw error;
    } finally {
      clearTimeout(slow);
    }
  }

  elapsedMs(): number {
    return Date.now() - this.#startedMs;
  }
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
