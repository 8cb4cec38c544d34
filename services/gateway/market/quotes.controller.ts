import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { methodOf } from '#client/contract/methods.js';
import { findListing } from '#client/listing/find-listing.js';
import { listingName } from '#client/listing/listing-name.js';
import { pinRequirements, totalOf } from '#client/quote.js';
import type { Market } from '#client/select.js';
import { fromHex, toHex } from '#core/hex.js';
import { formatAmount, MAX_AMOUNT } from '#core/money.js';
import type { Requirement } from '#core/requirement.js';
import { Needs } from '../keys/scope-guard.js';
import { Pipelines } from '../runs/pipeline.js';
import { amount, licences } from '../runs/run-views.js';
import { listingKey } from './listing-schemas.js';
import { MARKET } from './market-token.js';

const quoteRequest = z
  .strictObject({
    pipeline: z.string().min(1).max(100).optional(),
    listing: listingKey.optional(),
    method: z.string().min(1).max(300).optional(),
    calls: z.int().min(1).max(1_000_000).default(1),
    /** Whether they are still good is judged when a run starts. */
    licences: licences.default([]),
  })
  .refine(
    ({ pipeline, listing, method }) =>
      pipeline === undefined
        ? listing !== undefined && method !== undefined
        : listing === undefined && method === undefined,
    'give a pipeline, or a listing and its method',
  );
const quoteView = z.object({
  pins: z.array(
    z.object({
      step: z.string(),
      listing: z.string(),
      asset: z.string(),
      method: z.string(),
      calls: z.number().int(),
      maxPerCall: amount,
      /** Id of the licence that admits the calls; they cost nothing then. */
      licence: z.string().optional(),
    }),
  ),
  maxTotal: amount,
});

@ApiTags('runs')
@Needs('read')
@Controller('v1/quotes')
export class QuotesController {
  constructor(
    @Inject(MARKET) private readonly market: Market,
    private readonly pipelines: Pipelines,
  ) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'What a run, or calls, would be pinned to and cost at most; fixes and moves nothing' })
  @ApiOkResponse({ standardSchema: quoteView })
  async quote(@Body({ schema: quoteRequest }) body: z.infer<typeof quoteRequest>): Promise<z.infer<typeof quoteView>> {
    const named = body.licences.map((id) => fromHex(id, 'licences', 32));
    const pins = await pinRequirements(this.market, await this.requirementsOf(body), named);
    return {
      pins: pins.map(({ step, listing, asset, method, calls, maxPerCall, licence }) => ({
        step,
        listing: toHex(listing),
        asset: String(asset),
        method,
        calls,
        maxPerCall: formatAmount(maxPerCall),
        ...(licence === undefined ? {} : { licence: toHex(licence) }),
      })),
      maxTotal: formatAmount(totalOf(pins)),
    };
  }

  private async requirementsOf(body: z.infer<typeof quoteRequest>): Promise<readonly Requirement[]> {
    const { pipeline, listing = '', method = '' } = body;
    if (pipeline !== undefined) return this.pipelines.get(pipeline).requirements;
    const { digest, contract } = await findListing(this.market, await listingName(this.market.directory, listing));
    return [
      {
        step: 'call',
        service: contract.service,
        method: methodOf(contract, method).fullName,
        calls: body.calls,
        maxPrice: formatAmount(MAX_AMOUNT),
        choice: { prefer: 'cheapest', listing: toHex(digest) },
      },
    ];
  }
}
