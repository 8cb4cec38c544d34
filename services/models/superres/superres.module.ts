import { Module } from '@nestjs/common';
import { Model } from '../shared/model.js';
import { SuperResolutionController } from './superres.controller.js';
import { Upscaler } from './upscaler.js';

@Module({ controllers: [SuperResolutionController], providers: [Upscaler, { provide: Model, useExisting: Upscaler }] })
export class SuperResolutionModule {}
