import { readContract } from '#client/contract/read-contract.js';
import { readSignedListing } from '#client/listing/listing-wire.js';
import type { ListingVerifier } from '#client/listing/verify-listing.js';
import { WeftError } from '#core/errors.js';
import { Turns } from '#core/turns.js';
import * as proto from '#protos/weft/registry/v1/registry.js';
import { isServing, type ProbeOptions } from '../publish/probe-endpoint.js';
import type { ListingRow, ListingStore } from '../store/listing-store.js';

export interface VisitsParts {
  readonly store: ListingStore;
  /** Asks the chain every time. */
  readonly verifier: ListingVerifier;
  readonly probe: ProbeOptions;
  /** How old a visit may get. */
  readonly everySec: number;
  readonly onError: (error: unknown) => void;
}

const BATCH = 50;
const AT_ONCE = 8;

/**
 * Goes round all listings that no newer one has replaced: whether their endpoints serve, and whether they stand on chain.
 * Replicas share the work; each round is bounded, and one starts only when the one before is done.
 */
export class Visits {
  readonly #stop = new AbortController();
  readonly #turns = new Turns();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();

  constructor(private readonly parts: VisitsParts) {}

  start(): void {
    this.#timer = setTimeout(
      () => {
        this.#round = this.round()
          .catch(this.parts.onError)
          .then(() => {
            if (!this.#stop.signal.aborted) this.start();
          });
      },
      Math.min(1_000, this.parts.everySec * 1_000),
    ).unref();
  }

  /** Visits everything that is due, once the round before is done: what that one has taken would be missed. */
  round(): Promise<void> {
    return this.#turns.take('round', () => this.#visitDue());
  }

  async #visitDue(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const due = await this.parts.store.takeForVisit(BATCH, this.parts.everySec);
      const queue = due.values();
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          for (const row of queue) if (!this.#stop.signal.aborted) await this.#visit(row);
        }),
      );
      if (due.length < BATCH) return;
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await this.#round;
  }

  async #visit(row: ListingRow): Promise<void> {
    const { store, verifier, probe, onError } = this.parts;
    try {
      const signed = readSignedListing(proto.SignedListing.decode(row.signed));
      const contract = await store.contract(row.contractDigest);
      if (contract === undefined) return;
      const verify = () => verifier.verify(signed, readContract(contract.files, contract.service));
      const isSuperseded = row.status === 'superseded';
      // Nobody vouches for the endpoints of what is not in force.
      if (isSuperseded) await verify();
      const serving = await Promise.all(
        signed.listing.endpoints.map((endpoint) => isServing(endpoint, row.service, probe)),
      );
      await store.setServing(row.digest, serving.includes(true));
      await (isSuperseded ? store.reinstate(row.digest, verify) : verify());
    } catch (error) {
      if (error instanceof WeftError && goneFromChain.has(error.reason))
        await store.setStatus(row.digest, 'superseded');
      else if (!(error instanceof WeftError && error.retryable)) onError(error);
    }
  }
}

const goneFromChain: ReadonlySet<string> = new Set(['LISTING_NOT_IN_FORCE', 'LISTING_SUPERSEDED', 'BAD_SIGNATURE']);
