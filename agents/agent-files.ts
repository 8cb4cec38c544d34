import { WeftError } from '#core/errors.js';

const MAX_FILES = 100;
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Files that an agent names but never sees: a model cannot write a picture into a call, nor read one from an answer.
 * It holds what its user gave it and the newest of what services answered; nothing of the disk can be reached through it.
 */
export class AgentFiles {
  private readonly files = new Map<string, Uint8Array>();
  /** Numbers of what services answered, by name, oldest first. */
  private readonly kept = new Map<string, number>();
  private bytes = 0;
  private results = 0;

  constructor(given: Readonly<Record<string, Uint8Array>> = {}) {
    for (const [name, bytes] of Object.entries(given)) {
      if (!this.makeRoom(bytes.length, 0))
        throw new WeftError('MESSAGE_TOO_LARGE', 'this agent holds as many files as it may', { field: name });
      this.put(name, bytes);
    }
  }

  names(): string[] {
    return [...this.files.keys()];
  }

  get(name: string, field: string): Uint8Array {
    const bytes = this.files.get(name);
    if (bytes === undefined) {
      const known = this.names().join(', ') || 'there are none';
      throw new WeftError('INVALID_INPUT', `${field}: there is no file "${name}"; the files are: ${known}`, { field });
    }
    return bytes;
  }

  /**
   * Keeps the parts of one answer and gives each a name. Older answers make room for them, never what was given. Undefined
   * for a part that finds no room all the same: the answer is paid, and the rest of it must arrive.
   */
  keeper(): (bytes: Uint8Array) => string | undefined {
    const before = this.results;
    return (bytes) => {
      if (!this.makeRoom(bytes.length, before)) return undefined;
      do this.results += 1;
      while (this.files.has(`result-${this.results}`));
      const name = `result-${this.results}`;
      this.put(name, bytes);
      this.kept.set(name, this.results);
      return name;
    };
  }

  /** Lets go of the oldest results up to number `last`, as many as a file of `length` needs; of none if all are not enough. */
  private makeRoom(length: number, last: number): boolean {
    const older = [...this.kept].filter(([, number]) => number <= last).map(([name]) => name);
    let bytes = this.bytes + length;
    let dropped = 0;
    while (this.files.size - dropped >= MAX_FILES || bytes > MAX_BYTES) {
      const name = older[dropped];
      if (name === undefined) return false;
      bytes -= this.files.get(name)?.length ?? 0;
      dropped += 1;
    }
    for (const name of older.slice(0, dropped)) {
      this.files.delete(name);
      this.kept.delete(name);
    }
    this.bytes = bytes - length;
    return true;
  }

  private put(name: string, bytes: Uint8Array): void {
    this.bytes += bytes.length;
    this.files.set(name, bytes);
  }
}
