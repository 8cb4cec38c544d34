import type { Metadata, ServerUnaryCall } from '@grpc/grpc-js';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { UpscaleRequest, UpscaleResponse } from '#protos/models/superres/v1/superres.js';
import { Upscaler } from './upscaler.js';

@Controller()
export class SuperResolutionController {
  constructor(private readonly upscaler: Upscaler) {}

  @GrpcMethod('SuperResolutionService', 'Upscale')
  upscale(
    { image }: UpscaleRequest,
    _metadata: Metadata,
    call: ServerUnaryCall<UpscaleRequest, UpscaleResponse>,
  ): Promise<UpscaleResponse> {
    return this.upscaler.upscale(image, () => call.cancelled);
  }
}
