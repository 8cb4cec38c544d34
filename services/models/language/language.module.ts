import { Module } from '@nestjs/common';
import { Model } from '../shared/model.js';
import { Identifier } from './identifier.js';
import { LanguageController } from './language.controller.js';

@Module({ controllers: [LanguageController], providers: [Identifier, { provide: Model, useExisting: Identifier }] })
export class LanguageModule {}
