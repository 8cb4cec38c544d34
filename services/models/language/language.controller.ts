import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { IdentifyRequest, IdentifyResponse, ListLanguagesResponse } from '#protos/models/language/v1/language.js';
import { Identifier, languages } from './identifier.js';

@Controller()
export class LanguageController {
  constructor(private readonly identifier: Identifier) {}

  @GrpcMethod('LanguageService', 'Identify')
  identify({ text }: IdentifyRequest): Promise<IdentifyResponse> {
    return this.identifier.identify(text);
  }

  @GrpcMethod('LanguageService', 'ListLanguages')
  listLanguages(): ListLanguagesResponse {
    return { languages: [...languages] };
  }
}
