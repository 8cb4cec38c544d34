import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type Payload,
  type StorageDriver,
  StorageDriverClaim,
  type StorageDriverRetrieveContext,
  type StorageDriverStoreContext,
} from '@temporalio/common';
import proto from '@temporalio/proto';
import { WeftError } from '#core/errors.js';

const PayloadMessage = proto.temporal.api.common.v1.Payload;

/**
 * Keeps payloads that are too large for a workflow's history in files named after their sha-256, so that a picture that
 * goes through ten steps is stored once. Every process that starts, runs or reads workflows must see the same folder.
 */
export class PayloadStore implements StorageDriver {
  readonly name = 'weft-files';
  readonly type = 'weft.files';

  constructor(private readonly folder: string) {}

  store(_context: StorageDriverStoreContext, payloads: Payload[]): Promise<StorageDriverClaim[]> {
    return Promise.all(payloads.map((payload) => this.#keep(PayloadMessage.encode(payload).finish())));
  }

  retrieve(_context: StorageDriverRetrieveContext, claims: StorageDriverClaim[]): Promise<Payload[]> {
    return Promise.all(claims.map(({ claimData }) => this.#fetch(claimData['sha256'] ?? '')));
  }

  async #keep(bytes: Uint8Array): Promise<StorageDriverClaim> {
    const sha256 = digest(bytes);
    const file = this.#fileOf(sha256);
    if (!existsSync(file)) {
      // Under a name of its own first, so that nobody reads half a file.
      const draft = `${file}.${randomUUID()}`;
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await writeFile(draft, bytes, { mode: 0o600, flush: true });
      await rename(draft, file);
    }
    return new StorageDriverClaim({ sha256 });
  }

  async #fetch(sha256: string): Promise<Payload> {
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new WeftError('INVALID_INPUT', 'a payload claim without a sha-256');
    const bytes = await readFile(this.#fileOf(sha256)).catch((error: unknown) => {
      const what = `the payload ${sha256} is not in ${this.folder}: does this process use the worker's folder?`;
      throw new WeftError('NOT_FOUND', what, { sha256 }, { cause: error });
    });
    if (digest(bytes) !== sha256) throw new WeftError('INTERNAL', `the payload ${sha256} was altered on disk`);
    return PayloadMessage.decode(bytes);
  }

  #fileOf(sha256: string): string {
    return join(this.folder, sha256.slice(0, 2), sha256);
  }
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
