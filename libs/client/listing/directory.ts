import type { Client } from '@grpc/grpc-js';
import { type Contract, readContract } from '#client/contract/read-contract.js';

import { WeftError } from '#core/errors.js';
import { sameBytes, toHex } from '#core/hex.js';
import { partDown } from '#core/part-down.js';
import { plainLine } from '#core/plain-text.js';
import { connect } from '#payments/rpc/connect.js';
import { type TypedClient, typedClient } from '#payments/rpc/typed-client.js';
import { hashListing } from '#payments/typed-data.js';
import * as proto from '#protos/weft/registry/v1/registry.js';
import { type ListingDocs, readDocs } from './listing-docs.js';
import { readSignedListing, type SignedListing, writeSignedListing } from './listing-wire.js';

export type ListingStatus = 'active' | 'superseded' | 'deprecated';

/** A listing as a registry tells of it. Shape, digest and docs were checked here; whether it is in force says the chain. */
export interface ListingRecord extends SignedListing {
  /** 32 bytes, computed here. */
  readonly digest: Buffer;
  /** Full name of the contract's service, as the registry says. */
  readonly service: string;
  readonly about: ListingDocs;
  readonly status: ListingStatus;
  /** As last seen by the registry. */
  readonly isServing: boolean;
  readonly recordedAtSec: number;
}

export interface ListFilter {
  /** Full name. */
  readonly service?: string;
  readonly contractDigest?: Uint8Array;
  readonly includeInactive?: boolean;
}

export interface ListingChange {
  readonly seq: bigint;
  readonly record: ListingRecord;
}

export interface PublishInput {
  readonly signed: SignedListing;
  /** A serialized FileDescriptorSet. */
  readonly files: Uint8Array;
  readonly service: string;
}

const PAGE_SIZE = 200;
const MAX_PAGES = 100;
const MAX_KEPT_CONTRACTS = 200;

/**
 * The registry, as a client sees it: it may hide or be wrong, therefore everything it says is read as a stranger's
 * word. Throws REGISTRY_UNAVAILABLE when it does not answer and LISTING_UNKNOWN when it does not know.
 */
export class Directory {
  readonly #client: Client;
  readonly #registry: TypedClient<typeof proto.RegistryServiceDefinition>;
  readonly #contracts = new Map<string, Contract>();

  /** `endpoint`: "host:port" or "grpc(s)://host:port" of a registry. Connects on first use. */
  constructor(private readonly endpoint: string) {
    this.#client = connect(endpoint);
    this.#registry = typedClient(proto.RegistryServiceDefinition, this.#client, { deadlineMs: 15_000 });
  }

  /** Best first. `words`: 1 to 200 characters; `limit` at most 50, default 10. */
  async search(words: string, limit = 10): Promise<ListingRecord[]> {
    const { records } = await this.#ask(this.#registry.search({ words, limit }));
    return readAll(records);
  }

  /** Newest first. One page: at most 200 records; `pageToken` from the page before. */
  async page(filter: ListFilter, pageToken = ''): Promise<{ records: ListingRecord[]; nextPageToken: string }> {
    const { records, nextPageToken } = await this.#ask(
      this.#registry.listListings({ ...filter, pageSize: PAGE_SIZE, pageToken }),
    );
    return { records: readAll(records), nextPageToken };
  }

  /** All records, page by page; of a registry that never ends, the first 100 pages. */
  async *list(filter: ListFilter = {}): AsyncGenerator<ListingRecord> {
    for (let token = '', pages = 0; pages < MAX_PAGES; pages++) {
      const { records, nextPageToken } = await this.page(filter, token);
      yield* records;
      if (nextPageToken === '') return;
      token = nextPageToken;
    }
  }

  /** By listing digest, or the one in force of an asset. */
  async get(key: { digest: Uint8Array } | { asset: bigint }): Promise<ListingRecord> {
    const record = readRecord((await this.#ask(this.#registry.getListing(key))).record);
    const isRight = 'digest' in key ? sameBytes(record.digest, key.digest) : record.listing.asset === key.asset;
    if (!isRight) throw wrongAnswer('gives another listing than the one that was asked for');
    return record;
  }

  /** As `get`; undefined if the registry does not know it. */
  async find(key: { digest: Uint8Array } | { asset: bigint }): Promise<ListingRecord | undefined> {
    try {
      return await this.get(key);
    } catch (error) {
      if (error instanceof WeftError && error.reason === 'LISTING_UNKNOWN') return undefined;
      throw error;
    }
  }

  /** The contract of that digest: read, and certain to be it. Kept, since contracts never change. */
  async contract(digest: Uint8Array): Promise<Contract> {
    const key = toHex(digest);
    const kept = this.#contracts.get(key);
    if (kept !== undefined) return kept;
    const answer = (await this.#ask(this.#registry.getContract({ digest }))).contract;
    if (answer === undefined) throw wrongAnswer('gives no contract');
    const contract = readContract(answer.files, answer.service);
    if (!sameBytes(contract.digest, digest)) throw wrongAnswer(`gives contract ${toHex(contract.digest)} for ${key}`);
    this.#contracts.set(key, contract);
    if (this.#contracts.size > MAX_KEPT_CONTRACTS)
      this.#contracts.delete(this.#contracts.keys().next().value as string);
    return contract;
  }

  /** Every change after `afterSeq`, then changes as they happen, until `signal` aborts or the registry ends the stream. */
  async *watch(afterSeq = 0n, signal?: AbortSignal): AsyncGenerator<ListingChange> {
    const stream = this.#registry.watch({ afterSeq }, signal === undefined ? {} : { signal });
    try {
      for await (const { seq, record } of stream)
        for (const read of readAll(record === undefined ? [] : [record])) yield { seq, record: read };
    } catch (error) {
      if (signal?.aborted) return;
      throw this.#explain(error);
    }
  }

  /** Publishes a listing that stands on chain. Throws what is against it; `details` hold every reason. */
  async publish(input: PublishInput): Promise<ListingRecord> {
    return readRecord((await this.#ask(this.#registry.publish(this.#request(input), LONG))).record);
  }

  /** What `publish` would throw, whether or not the listing stands on chain yet. */
  async validate(input: PublishInput): Promise<void> {
    await this.#ask(this.#registry.publish({ ...this.#request(input), validateOnly: true }, LONG));
  }

  /** `signature`: 64 bytes, by the operator, over `deprecationText`. */
  async deprecate(digest: Uint8Array, atSec: number, signature: Uint8Array): Promise<ListingRecord> {
    return readRecord((await this.#ask(this.#registry.deprecate({ digest, atSec: BigInt(atSec), signature }))).record);
  }

  close(): void {
    this.#client.close();
  }

  #request({ signed, files, service }: PublishInput) {
    return { signed: writeSignedListing(signed), files, service };
  }

  async #ask<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw this.#explain(error);
    }
  }

  #explain(error: unknown): unknown {
    if (!(error instanceof WeftError) || (error.reason !== 'SERVICE_UNAVAILABLE' && error.reason !== 'DEADLINE'))
      return error;
    return partDown('REGISTRY_UNAVAILABLE', this.endpoint, error);
  }
}

/** The registry visits the endpoint before it answers. */
const LONG = { deadlineMs: 60_000 };

/** What the operator signs (EIP-191) to deprecate a listing. */
export const deprecationText = (digest: Uint8Array, atSec: number): string =>
  `weft deprecate ${toHex(digest)} ${atSec}`;

const statuses: Readonly<Record<number, ListingStatus>> = {
  [proto.ListingStatus.LISTING_STATUS_ACTIVE]: 'active',
  [proto.ListingStatus.LISTING_STATUS_SUPERSEDED]: 'superseded',
  [proto.ListingStatus.LISTING_STATUS_DEPRECATED]: 'deprecated',
};

function readRecord(record: proto.ListingRecord | undefined): ListingRecord {
  if (record === undefined) throw wrongAnswer('gives no record');
  const signed = readSignedListing(record.signed);
  const digest = hashListing(signed.listing);
  if (!sameBytes(digest, record.digest)) throw wrongAnswer(`gives listing ${toHex(digest)} as ${toHex(record.digest)}`);
  return {
    ...signed,
    digest,
    service: plainLine(record.service, 300),
    about: readDocs(signed.docs),
    status: statuses[record.status] ?? 'deprecated',
    isServing: record.health === proto.HealthStatus.HEALTH_STATUS_SERVING,
    recordedAtSec: Number(record.recordedAtSec),
  };
}

/** Among many, one that does not hold together is passed over: it must not hide the others. */
const readAll = (records: readonly proto.ListingRecord[]): ListingRecord[] =>
  records.flatMap((record) => {
    try {
      return [readRecord(record)];
    } catch {
      return [];
    }
  });

const wrongAnswer = (what: string): WeftError => new WeftError('LISTING_INVALID', `the registry ${what}`, {});
