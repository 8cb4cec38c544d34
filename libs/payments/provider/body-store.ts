import { readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '#contracts/write-durably.js';

/**
 * Large bodies as files named after their sha-256. A file that is there is whole and durable. Replicas share the folder.
 */
export class BodyStore {
  constructor(private readonly folder: string) {}

  /** Durable when it resolves. `digest` is the sha-256 of `bytes`, 32 bytes. */
  async put(digest: Uint8Array, bytes: Uint8Array): Promise<void> {
    const file = this.#file(digest);
    const now = new Date();
    // A file that is needed again counts as new, so that a sweep running at this moment leaves it.
    if (await exists(utimes(file, now, now))) return;
    await writeDurably(file, bytes, { file: 0o600, folder: 0o700 });
  }

  async get(digest: Uint8Array): Promise<Buffer | undefined> {
    return await readFile(this.#file(digest)).catch(nothingIfMissing);
  }

  /** Removes files last needed before `beforeMs` of which `isNeeded` knows nothing; gives their number. */
  async sweep(beforeMs: number, isNeeded: (digest: Buffer) => Promise<boolean>): Promise<number> {
    let removed = 0;
    for (const name of await readdir(this.folder, { recursive: true }).catch(() => [])) {
      const path = join(this.folder, name);
      const info = await stat(path).catch(nothingIfMissing);
      if (!info?.isFile() || info.mtimeMs >= beforeMs) continue;
      const digest = /[0-9a-f]{64}$/.exec(name)?.[0];
      if (digest !== undefined && (await isNeeded(Buffer.from(digest, 'hex')))) continue;
      if (((await stat(path).catch(nothingIfMissing))?.mtimeMs ?? Infinity) >= beforeMs) continue;
      await rm(path, { force: true });
      removed++;
    }
    return removed;
  }

  #file(digest: Uint8Array): string {
    const name = Buffer.from(digest).toString('hex');
    return join(this.folder, name.slice(0, 2), name);
  }
}

async function exists(touched: Promise<void>): Promise<boolean> {
  try {
    await touched;
    return true;
  } catch (error) {
    nothingIfMissing(error);
    return false;
  }
}

function nothingIfMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}
