import { Module } from '@nestjs/common';
import { Model } from '../shared/model.js';
import { Classifier } from './classifier.js';
import { ModerationController } from './moderation.controller.js';

@Module({ controllers: [ModerationController], providers: [Classifier, { provide: Model, useExisting: Classifier }] })
export class ModerationModule {}
