import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { ListingRecord } from '#client/listing/directory.js';
import { findListing } from '#client/listing/find-listing.js';
import { listingName } from '#client/listing/listing-name.js';
import { recordView, verifiedView } from '#client/listing/listing-view.js';
import type { Market } from '#client/select.js';
import { Needs } from '../keys/scope-guard.js';
import {
  contractView,
  listingKey,
  listingRecords,
  type SearchQuery,
  searchQuery,
  verifiedListing,
} from './listing-schemas.js';
import { MARKET } from './market-token.js';

@ApiTags('listings')
@Needs('read')
@Controller('v1/listings')
export class ListingsController {
  constructor(@Inject(MARKET) private readonly market: Market) {}

  @Get()
  @ApiOperation({ summary: 'Find offers by words; what the registry says of them, not yet held against the chain' })
  @ApiOkResponse({ standardSchema: listingRecords })
  async search(@Query({ schema: searchQuery }) { q, limit }: SearchQuery) {
    const words = q.trim();
    const records = words === '' ? await this.newest(limit) : await this.market.directory.search(words, limit);
    return { listings: records.map(recordView) };
  }

  @Get(':key')
  @ApiOperation({ summary: 'One offer by digest, asset id or service, verified against the chain' })
  @ApiOkResponse({ standardSchema: verifiedListing })
  async get(@Param('key', { schema: listingKey }) key: string) {
    return verifiedView(await this.find(key));
  }

  @Get(':key/contract')
  @ApiOperation({ summary: 'The methods of an offer, requests and responses as JSON Schema' })
  @ApiOkResponse({ standardSchema: contractView })
  async contract(@Param('key', { schema: listingKey }) key: string) {
    const { service, contract, methods } = verifiedView(await this.find(key));
    return { service, contract, methods };
  }

  private async find(key: string) {
    return findListing(this.market, await listingName(this.market.directory, key));
  }

  private async newest(limit: number): Promise<ListingRecord[]> {
    const { records } = await this.market.directory.page({});
    return records.slice(0, limit);
  }
}
