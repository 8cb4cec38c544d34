import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiCreatedResponse,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { WeftError } from '#core/errors.js';
import { sendEvents } from '../http/event-stream.js';
import { callerOf } from '../keys/authenticate.js';
import { Needs } from '../keys/scope-guard.js';
import { type ListRuns, listRuns, runId, runSummary, runView, type StartRun, startRun } from './run-views.js';
import { Runs } from './runs.js';

/** Nest gives headers no schema. */
function idempotencyKey(text: string | undefined): string | undefined {
  if (text === undefined || /^[a-z0-9][a-z0-9-]{7,63}$/.test(text)) return text;
  throw new WeftError('INVALID_INPUT', 'Idempotency-Key: must be 8 to 64 of a-z, 0-9 and "-"', {
    field: 'Idempotency-Key',
  });
}

const MAX_WATCHERS = 16;

/** Watching keeps a connection open and asks the worker again and again, hence a bound for each key. */
class Watchers {
  private readonly counts = new Map<string, number>();

  enter(name: string): () => void {
    const before = this.counts.get(name) ?? 0;
    if (before >= MAX_WATCHERS)
      throw new WeftError('OVERLOADED', `a key may watch ${MAX_WATCHERS} runs at once`, { retryAfterSec: '5' });
    this.counts.set(name, before + 1);
    return () => {
      const now = (this.counts.get(name) ?? 1) - 1;
      if (now > 0) this.counts.set(name, now);
      else this.counts.delete(name);
    };
  }
}

@ApiTags('runs')
@Controller('v1/runs')
export class RunsController {
  private readonly watchers = new Watchers();

  constructor(private readonly runs: Runs) {}

  @Post()
  @Needs('run')
  @HttpCode(201)
  @ApiOperation({ summary: 'Start a pipeline' })
  @ApiHeader({ name: 'Idempotency-Key', required: false, description: 'The same key gives the same run' })
  @ApiCreatedResponse({ standardSchema: runSummary })
  start(
    @Req() request: Request,
    @Body({ schema: startRun }) body: StartRun,
    @Headers('idempotency-key') key: string | undefined,
  ) {
    return this.runs.start(callerOf(request), body, idempotencyKey(key));
  }

  @Get()
  @Needs('read')
  @ApiOperation({ summary: 'Own runs, newest first' })
  @ApiOkResponse({ standardSchema: z.object({ runs: z.array(runSummary) }) })
  async list(@Req() request: Request, @Query({ schema: listRuns }) query: ListRuns) {
    return { runs: await this.runs.list(callerOf(request), query) };
  }

  @Get(':id')
  @Needs('read')
  @ApiOperation({ summary: 'A run: its steps, receipts, cost and output' })
  @ApiOkResponse({ standardSchema: runView })
  get(@Req() request: Request, @Param('id', { schema: runId }) id: string) {
    return this.runs.get(callerOf(request), id);
  }

  @Get(':id/events')
  @Needs('read')
  @ApiOperation({
    summary: 'Watch a run: "step" as each step ends (those that have ended first), "end" with the whole run',
  })
  @ApiOkResponse({ description: 'Server-sent events', content: { 'text/event-stream': {} } })
  async events(@Req() request: Request, @Res() response: Response, @Param('id', { schema: runId }) id: string) {
    const caller = callerOf(request);
    const leave = this.watchers.enter(caller.name);
    try {
      await sendEvents(request, response, (signal) => this.runs.follow(caller, id, signal));
    } finally {
      leave();
    }
  }

  @Delete(':id')
  @Needs('run')
  @HttpCode(202)
  @ApiOperation({ summary: 'Cancel a run; what was served stays paid' })
  @ApiAcceptedResponse()
  async cancel(@Req() request: Request, @Param('id', { schema: runId }) id: string) {
    await this.runs.cancel(callerOf(request), id);
    return { runId: id };
  }
}
