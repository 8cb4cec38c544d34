import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Needs } from '../keys/scope-guard.js';
import { Health } from './health.js';

const report = z.object({
  ok: z.boolean().describe('Every part is up; single services may be down'),
  parts: z.array(
    z.object({ name: z.string(), up: z.boolean(), latencyMs: z.number(), message: z.string().optional() }),
  ),
  services: z.array(
    z.object({
      listing: z.string(),
      asset: z.string(),
      service: z.string(),
      up: z.boolean(),
      latencyMs: z.number(),
    }),
  ),
});

@ApiTags('health')
@Needs('read')
@Controller('v1/health')
export class HealthController {
  constructor(private readonly health: Health) {}

  @Get()
  @ApiOperation({ summary: 'Whether every part of the marketplace answers' })
  @ApiOkResponse({ standardSchema: report })
  get() {
    return this.health.report();
  }
}
