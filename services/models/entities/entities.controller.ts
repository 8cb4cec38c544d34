import type { Metadata, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { from, map, type Observable } from 'rxjs';
import type {
  ExtractRequest,
  ExtractResponse,
  SentimentRequest,
  SentimentResponse,
  StreamEntitiesRequest,
  StreamEntitiesResponse,
} from '#protos/models/entities/v1/entities.js';
import { Analyst } from './analyst.js';

@Controller()
export class EntitiesController {
  constructor(private readonly analyst: Analyst) {}

  @GrpcMethod('EntitiesService', 'Extract')
  async extract(
    { text }: ExtractRequest,
    _metadata: Metadata,
    call: ServerUnaryCall<ExtractRequest, ExtractResponse>,
  ): Promise<ExtractResponse> {
    return { entities: await this.analyst.extract(text, () => call.cancelled) };
  }

  @GrpcMethod('EntitiesService', 'Sentiment')
  async sentiment(
    { text }: SentimentRequest,
    _metadata: Metadata,
    call: ServerUnaryCall<SentimentRequest, SentimentResponse>,
  ): Promise<SentimentResponse> {
    return { score: await this.analyst.sentiment(text, () => call.cancelled) };
  }

  @GrpcMethod('EntitiesService', 'StreamEntities')
  streamEntities(
    { text }: StreamEntitiesRequest,
    _metadata: Metadata,
    call: ServerWritableStream<StreamEntitiesRequest, StreamEntitiesResponse>,
  ): Observable<StreamEntitiesResponse> {
    return from(this.analyst.stream(text, () => call.cancelled)).pipe(map((entity) => ({ entity })));
  }
}
