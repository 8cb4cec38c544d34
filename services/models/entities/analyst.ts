import { Injectable } from '@nestjs/common';
import { reportUnits } from '#paywall/units.js';
import { Gate } from '../shared/gate.js';
import { Model } from '../shared/model.js';
import { ModelThread } from '../shared/model-thread.js';
import { checkText } from '../shared/text.js';
import type { EntitiesHandlers } from './entities.worker.js';
import type { FoundEntity } from './wink.js';

/** Finds entities and the mood of English texts, by rules and lexicon (wink-nlp). */
@Injectable()
export class Analyst extends Model {
  private readonly gate = new Gate({ running: 4, waiting: 128 });
  private readonly thread = new ModelThread<EntitiesHandlers>(new URL('./entities.worker.js', import.meta.url));

  async load(): Promise<void> {
    await this.thread.call('findEntities', 'Monday');
  }

  /** Reports characters. @throws WeftError EMPTY_TEXT, TEXT_TOO_LONG, OVERLOADED */
  async extract(text: string, isGone?: () => boolean): Promise<FoundEntity[]> {
    const characters = checkText(text);
    const entities = await this.gate.run(() => this.thread.call('findEntities', text), isGone);
    reportUnits(characters);
    return entities;
  }

  /** Reports each entity before it is handed out. @throws as `extract` */
  async *stream(text: string, isGone?: () => boolean): AsyncGenerator<FoundEntity> {
    checkText(text);
    reportUnits(0); // so much is due for a text without any
    for (const entity of await this.gate.run(() => this.thread.call('findEntities', text), isGone)) {
      reportUnits(1);
      yield entity;
    }
  }

  /** @throws as `extract` */
  async sentiment(text: string, isGone?: () => boolean): Promise<number> {
    checkText(text);
    return this.gate.run(() => this.thread.call('scoreSentiment', text), isGone);
  }
}
