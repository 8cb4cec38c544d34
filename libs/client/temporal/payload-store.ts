import {
  type Payload,
  type StorageDriver,
  StorageDriverClaim,
  type StorageDriverRetrieveContext,
  type StorageDriverStoreContext,
} from '@temporalio/common';
import proto from '@temporalio/proto';
import { WeftError } from '#core/errors.js';
import { messageDigest } from '#payments/digests.js';
import { BodyStore } from '#payments/provider/body-store.js';

const PayloadMessage = proto.temporal.api.common.v1.Payload;

/**
 * Keeps payloads that are too large for a workflow's history in files named after their sha-256, so that a picture that
 * goes through ten steps is stored once. Every process that starts, runs or reads workflows must see the same folder.
 */
export class PayloadStore implements StorageDriver {
  readonly name = 'weft-files';
  readonly type = 'weft.files';
  readonly #files: BodyStore;

  constructor(private readonly folder: string) {
    this.#files = new BodyStore(folder);
  }

  store(_context: StorageDriverStoreContext, payloads: Payload[]): Promise<StorageDriverClaim[]> {
    return Promise.all(payloads.map((payload) => this.#keep(PayloadMessage.encode(payload).finish())));
  }

  retrieve(_context: StorageDriverRetrieveContext, claims: StorageDriverClaim[]): Promise<Payload[]> {
    return Promise.all(claims.map(({ claimData }) => this.#fetch(claimData['sha256'] ?? '')));
  }

  /** Removes what was last stored before `beforeMs`; gives the number of files. */
  sweep(beforeMs: number): Promise<number> {
    return this.#files.sweep(beforeMs, async () => false);
  }

  async #keep(bytes: Uint8Array): Promise<StorageDriverClaim> {
    const sha256 = messageDigest(bytes);
    await this.#files.put(sha256, bytes);
    return new StorageDriverClaim({ sha256: sha256.toString('hex') });
  }

  async #fetch(sha256: string): Promise<Payload> {
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new WeftError('INVALID_INPUT', 'a payload claim without a sha-256');
    const expected = Buffer.from(sha256, 'hex');
    const bytes = await this.#files.get(expected);
    if (bytes === undefined)
      throw new WeftError(
        'NOT_FOUND',
        `the payload ${sha256} is not in ${this.folder}: does this process use the worker's folder?`,
        { sha256 },
      );
    if (!messageDigest(bytes).equals(expected))
      throw new WeftError('INTERNAL', `the payload ${sha256} was altered on disk`);
    return PayloadMessage.decode(bytes);
  }
}
