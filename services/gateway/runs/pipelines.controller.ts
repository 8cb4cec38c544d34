import { Controller, Get, Param } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Needs } from '../keys/scope-guard.js';
import { type Pipeline, Pipelines } from './pipeline.js';

const pipelineView = z.object({
  name: z.string(),
  summary: z.string(),
  /** JSON Schema of a run's input. */
  input: z.record(z.string(), z.unknown()),
});

@ApiTags('runs')
@Needs('read')
@Controller('v1/pipelines')
export class PipelinesController {
  constructor(private readonly pipelines: Pipelines) {}

  @Get()
  @ApiOperation({ summary: 'The pipelines that can be run' })
  @ApiOkResponse({ standardSchema: z.object({ pipelines: z.array(pipelineView) }) })
  list() {
    return { pipelines: this.pipelines.all().map(viewOf) };
  }

  @Get(':name')
  @ApiOperation({ summary: 'A pipeline and what its input looks like' })
  @ApiOkResponse({ standardSchema: pipelineView })
  get(@Param('name') name: string) {
    return viewOf(this.pipelines.get(name));
  }
}

const viewOf = ({ name, summary, input }: Pipeline): z.infer<typeof pipelineView> => ({
  name,
  summary,
  input: z.toJSONSchema(input, { io: 'input' }),
});
