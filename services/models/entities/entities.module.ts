import { Module } from '@nestjs/common';
import { Model } from '../shared/model.js';
import { Analyst } from './analyst.js';
import { EntitiesController } from './entities.controller.js';

@Module({ controllers: [EntitiesController], providers: [Analyst, { provide: Model, useExisting: Analyst }] })
export class EntitiesModule {}
