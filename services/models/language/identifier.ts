import { Injectable } from '@nestjs/common';
import * as cld3 from 'cld3-asm';
import { Model } from '../shared/model.js';
import { checkText } from '../shared/text.js';

export interface Identified {
  /** BCP-47, "und" when unknown. */
  readonly language: string;
  /** 0 to 1. */
  readonly probability: number;
  readonly reliable: boolean;
}

const unknown: Identified = { language: 'und', probability: 0, reliable: false };
/** CLD3 takes evenly spread samples of a longer text. */
const MAX_BYTES = 1_000;
/** CLD3 still says Hebrew in the way of before 1989. */
const bcp47 = (code: string): string => (code === 'iw' ? 'he' : code);

/** Says in which language a text is written (CLD3, WebAssembly); takes a fraction of a millisecond. */
@Injectable()
export class Identifier extends Model {
  private identifier: Promise<cld3.LanguageIdentifier> | undefined;

  async load(): Promise<void> {
    this.identifier ??= cld3.loadModule().then((factory) => factory.create(0, MAX_BYTES));
    await this.identifier;
  }

  /** @throws WeftError EMPTY_TEXT, TEXT_TOO_LONG */
  async identify(text: string): Promise<Identified> {
    checkText(text);
    // Without letters CLD3 guesses all the same, and calls it reliable.
    if (!/\p{L}/u.test(text)) return unknown;
    await this.load();
    const identifier = await this.identifier;
    // C strings end at NUL.
    const found = identifier?.findLanguage(text.replaceAll('\0', ' '));
    if (found === undefined || found.language === 'und') return unknown;
    return {
      language: bcp47(found.language),
      probability: Math.min(1, found.probability),
      reliable: found.is_reliable,
    };
  }
}

/** Every answer that `identify` can give, in alphabetical order. */
export const languages: readonly string[] = Object.values(
  // Declared as a constant enum, which TypeScript does not let us look into, but there.
  (cld3 as unknown as { LanguageCode: Record<string, string> }).LanguageCode,
)
  .map(bcp47)
  .sort();
