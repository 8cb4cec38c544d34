import type { Metadata, ServerUnaryCall } from '@grpc/grpc-js';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { ClassifyRequest, ClassifyResponse } from '#protos/models/moderation/v1/moderation.js';
import { Classifier } from './classifier.js';

@Controller()
export class ModerationController {
  constructor(private readonly classifier: Classifier) {}

  @GrpcMethod('ModerationService', 'Classify')
  classify(
    { image }: ClassifyRequest,
    _metadata: Metadata,
    call: ServerUnaryCall<ClassifyRequest, ClassifyResponse>,
  ): Promise<ClassifyResponse> {
    return this.classifier.classify(image, () => call.cancelled);
  }
}
