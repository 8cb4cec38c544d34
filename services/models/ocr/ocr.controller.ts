import type { Metadata, ServerUnaryCall } from '@grpc/grpc-js';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { RecognizeRequest, RecognizeResponse } from '#protos/models/ocr/v1/ocr.js';
import { Recognizer } from './recognizer.js';

@Controller()
export class OcrController {
  constructor(private readonly recognizer: Recognizer) {}

  @GrpcMethod('OcrService', 'Recognize')
  recognize(
    { image }: RecognizeRequest,
    _metadata: Metadata,
    call: ServerUnaryCall<RecognizeRequest, RecognizeResponse>,
  ): Promise<RecognizeResponse> {
    return this.recognizer.recognize(image, () => call.cancelled);
  }
}
