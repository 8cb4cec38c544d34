import { WeftError } from '#core/errors.js';

const MAX_FILES = 100;
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Files that an agent names but never sees: a model cannot write a picture into a call, nor read one from an answer.
 * It holds what its user gave it and what services answered; nothing of the disk can be reached through it.
 */
export class AgentFiles {
  private readonly files = new Map<string, Uint8Array>();
  private bytes = 0;
  private results = 0;

  constructor(given: Readonly<Record<string, Uint8Array>> = {}) {
    for (const [name, bytes] of Object.entries(given)) this.put(name, bytes);
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

  /** Keeps what a service answered and gives it a name. */
  keep(bytes: Uint8Array): string {
    this.results += 1;
    const name = `result-${this.results}`;
    this.put(name, bytes);
    return name;
  }

  private put(name: string, bytes: Uint8Array): void {
    if (this.files.size >= MAX_FILES || this.bytes + bytes.length > MAX_BYTES)
      throw new WeftError('MESSAGE_TOO_LARGE', 'this agent holds as many files as it may', { field: name });
    this.bytes += bytes.length;
    this.files.set(name, bytes);
  }
}
