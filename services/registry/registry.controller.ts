import type { ServerWritableStream } from '@grpc/grpc-js';
import { Controller, Inject, UseInterceptors } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { Observable } from 'rxjs';
import type { Assets } from '#contracts/assets.js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import * as proto from '#protos/weft/registry/v1/registry.js';
import { DatabaseDown } from './database-down.js';
import { deprecate } from './deprecate.js';
import { readPageToken, writePageToken } from './page-token.js';
import type { Publisher } from './publish/publisher.js';
import type { ListingRow, ListingStore } from './store/listing-store.js';
import type { ChangeFeed } from './watch/change-feed.js';

export interface RegistryParts {
  readonly store: ListingStore;
  readonly publisher: Publisher;
  readonly feed: ChangeFeed;
  readonly assets: Assets;
}

/** Names the parts for Nest. */
export const REGISTRY_PARTS = Symbol('registry parts');

const MAX_PAGE = 200;
const DEFAULT_PAGE = 50;
const MAX_FOUND = 50;
const DEFAULT_FOUND = 10;
const MAX_WORDS = 200;
const MAX_NAME = 300;

@Controller()
@UseInterceptors(DatabaseDown)
export class RegistryController {
  constructor(@Inject(REGISTRY_PARTS) private readonly parts: RegistryParts) {}

  @GrpcMethod('RegistryService', 'Publish')
  async publish(request: proto.PublishRequest): Promise<proto.PublishResponse> {
    if (!request.validateOnly) return { record: toRecord(await this.parts.publisher.publish(request)) };
    await this.parts.publisher.validate(request);
    return { record: undefined };
  }

  @GrpcMethod('RegistryService', 'GetListing')
  async getListing({ digest, asset }: proto.GetListingRequest): Promise<proto.GetListingResponse> {
    const { store } = this.parts;
    if (digest !== undefined) {
      bytes(digest, 'digest');
      return { record: toRecord((await store.byDigest(digest)) ?? unknown(`listing ${toHex(digest)}`)) };
    }
    if (asset === undefined) return refuse('key', 'digest or asset must be given');
    if (asset < 1n || asset >= 2n ** 48n) refuse('asset', 'must be an asset’s id, 1 or more');
    return { record: toRecord((await store.byAsset(asset)) ?? unknown(`listing of asset ${asset}`)) };
  }

  @GrpcMethod('RegistryService', 'ListListings')
  async listListings(request: proto.ListListingsRequest): Promise<proto.ListListingsResponse> {
    const { service, contractDigest, includeInactive } = request;
    if (service.length > MAX_NAME) refuse('service', `must have at most ${MAX_NAME} characters`);
    if (contractDigest.length > 0) bytes(contractDigest, 'contractDigest');
    const size = within(request.pageSize, 'pageSize', DEFAULT_PAGE, MAX_PAGE);
    const { rows, next } = await this.parts.store.page(
      {
        service: service === '' ? undefined : withoutNul(service),
        contractDigest: contractDigest.length === 0 ? undefined : contractDigest,
        includeInactive,
      },
      size,
      readPageToken(request.pageToken),
    );
    return { records: rows.map(toRecord), nextPageToken: writePageToken(next) };
  }

  @GrpcMethod('RegistryService', 'Search')
  async search({ words, limit }: proto.SearchRequest): Promise<proto.SearchResponse> {
    const { store } = this.parts;
    const wanted = withoutNul(words).trim();
    if (wanted === '' || words.length > MAX_WORDS) refuse('words', `must have 1 to ${MAX_WORDS} characters`);
    const ids = await store.search(wanted, within(limit, 'limit', DEFAULT_FOUND, MAX_FOUND));
    return { records: (await store.byIds(ids)).map(toRecord) };
  }

  @GrpcMethod('RegistryService', 'Watch')
  watch(
    { afterSeq }: proto.WatchRequest,
    _metadata: unknown,
    call: ServerWritableStream<proto.WatchRequest, proto.WatchResponse>,
  ): Observable<proto.WatchResponse> {
    if (afterSeq >= 2n ** 63n) refuse('afterSeq', 'is beyond any change');
    return new Observable((out) => {
      const stop = new AbortController();
      const follow = async () => {
        for await (const { seq, listing } of this.parts.feed.follow(afterSeq, stop.signal)) {
          // Whoever reads slowly makes the database wait, not this process's memory.
          if (call.writableNeedDrain) await drained(call, stop.signal);
          if (stop.signal.aborted) return;
          out.next({ seq, record: toRecord(listing) });
        }
        out.complete();
      };
      follow().catch((error) => out.error(error));
      return () => stop.abort();
    });
  }

  @GrpcMethod('RegistryService', 'Deprecate')
  async deprecate(request: proto.DeprecateRequest): Promise<proto.DeprecateResponse> {
    bytes(request.digest, 'digest');
    return { record: toRecord(await deprecate(this.parts.store, this.parts.assets, request)) };
  }

  @GrpcMethod('RegistryService', 'GetContract')
  async getContract({ digest }: proto.GetContractRequest): Promise<proto.GetContractResponse> {
    bytes(digest, 'digest');
    const row = await this.parts.store.contract(digest);
    if (row === undefined)
      throw new WeftError('NOT_FOUND', `there is no contract ${toHex(digest)} here`, { contract: toHex(digest) });
    return { contract: { digest: row.digest, service: row.service, files: row.files } };
  }
}

function refuse(field: string, must: string): never {
  throw new WeftError('INVALID_INPUT', `${field} ${must}`, { field });
}

function unknown(what: string): never {
  throw new WeftError('LISTING_UNKNOWN', `there is no ${what} here`, {});
}

const bytes = (value: Uint8Array, field: string): void => {
  if (value.length !== 32) refuse(field, `must have 32 bytes, not ${value.length}`);
};

function within(value: number, field: string, fallback: number, max: number): number {
  if (value > max) refuse(field, `must be at most ${max}`);
  return value === 0 ? fallback : value;
}

/** PostgreSQL has no text with NUL. */
const withoutNul = (text: string): string => text.replaceAll('\0', ' ');

function drained(call: ServerWritableStream<unknown, unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    call.once('drain', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

const statuses = {
  active: proto.ListingStatus.LISTING_STATUS_ACTIVE,
  superseded: proto.ListingStatus.LISTING_STATUS_SUPERSEDED,
  deprecated: proto.ListingStatus.LISTING_STATUS_DEPRECATED,
} as const;

const toRecord = (row: ListingRow): proto.ListingRecord => ({
  signed: proto.SignedListing.decode(row.signed),
  digest: row.digest,
  service: row.service,
  title: row.title,
  summary: row.summary,
  tags: row.tags,
  status: statuses[row.status],
  health: row.isServing ? proto.HealthStatus.HEALTH_STATUS_SERVING : proto.HealthStatus.HEALTH_STATUS_NOT_SERVING,
  recordedAtSec: row.recordedAtSec,
});
