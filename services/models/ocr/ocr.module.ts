import { Module } from '@nestjs/common';
import { Model } from '../shared/model.js';
import { OcrController } from './ocr.controller.js';
import { Recognizer } from './recognizer.js';

@Module({ controllers: [OcrController], providers: [Recognizer, { provide: Model, useExisting: Recognizer }] })
export class OcrModule {}
