import type { Type } from '@nestjs/common';
import type { Price } from '#core/price.js';
import { type MethodDefinition, methodPath, type ServiceDefinition } from '#core/service-definition.js';
import { EntitiesServiceDefinition } from '#protos/models/entities/v1/entities.js';
import { LanguageServiceDefinition } from '#protos/models/language/v1/language.js';
import { ModerationServiceDefinition } from '#protos/models/moderation/v1/moderation.js';
import { OcrServiceDefinition } from '#protos/models/ocr/v1/ocr.js';
import { SuperResolutionServiceDefinition } from '#protos/models/superres/v1/superres.js';

export const modelNames = ['moderation', 'ocr', 'superres', 'language', 'entities'] as const;
export type ModelName = (typeof modelNames)[number];

/** A shipped service: what it offers, for how much, and where its code is. */
export interface ModelService {
  readonly name: ModelName;
  readonly definition: ServiceDefinition;
  /** Imports the Nest module only when it is to be served: whoever publishes listings needs no model. */
  readonly module: () => Promise<Type>;
  /** One for each method. */
  readonly prices: readonly Price[];
  readonly docs: ModelDocs;
}

/** What a listing's `docs` say. */
export interface ModelDocs {
  readonly title: string;
  readonly summary: string;
  readonly tags: readonly string[];
  /** By method name. */
  readonly methods: Readonly<Record<string, string>>;
}

type Tariff = Omit<Price, 'method'>;
const free: Tariff = { kind: 'free', unit: '', rate: 0n, per: 1n, maxAmount: 0n };
const fixed = (rate: bigint): Tariff => ({ kind: 'fixed', unit: '', rate, per: 1n, maxAmount: rate });
const metered = (unit: string, rate: bigint, per: bigint, maxAmount: bigint): Tariff => ({
  kind: 'metered',
  unit,
  rate,
  per,
  maxAmount,
});

/** A price for every method, in minor units of a token with six decimals. */
function pricesOf<D extends ServiceDefinition>(
  definition: D,
  tariffs: { readonly [K in keyof D['methods']]: Tariff },
): Price[] {
  return Object.entries<MethodDefinition>(definition.methods).map(([key, method]) => ({
    method: methodPath(definition, method).slice(1),
    ...tariffs[key as keyof D['methods']],
  }));
}

export const models: readonly ModelService[] = [
  {
    name: 'moderation',
    definition: ModerationServiceDefinition,
    module: async () => (await import('./moderation/moderation.module.js')).ModerationModule,
    prices: pricesOf(ModerationServiceDefinition, { classify: fixed(2_000n) }),
    docs: {
      title: 'Image moderation',
      summary: 'Says how likely a picture is unfit for a general audience: drawing, hentai, neutral, porn or sexy.',
      tags: ['image', 'moderation', 'nsfw', 'classification', 'nsfwjs', 'mobilenet'],
      methods: { Classify: 'Classifies one PNG, JPEG, WebP or TIFF of at most 10 MiB and 40 megapixels.' },
    },
  },
  {
    name: 'ocr',
    definition: OcrServiceDefinition,
    module: async () => (await import('./ocr/ocr.module.js')).OcrModule,
    prices: pricesOf(OcrServiceDefinition, { recognize: fixed(5_000n) }),
    docs: {
      title: 'Text recognition (OCR)',
      summary: 'Reads printed text from scans, photographs and screenshots, with the place of every line.',
      tags: ['image', 'text', 'ocr', 'scan', 'document', 'paddleocr', 'pp-ocrv4'],
      methods: { Recognize: 'Reads all lines of one PNG, JPEG, WebP or TIFF of at most 10 MiB and 40 megapixels.' },
    },
  },
  {
    name: 'superres',
    definition: SuperResolutionServiceDefinition,
    module: async () => (await import('./superres/superres.module.js')).SuperResolutionModule,
    prices: pricesOf(SuperResolutionServiceDefinition, { upscale: metered('kilopixel', 10n, 1n, 5_000n) }),
    docs: {
      title: 'Super-resolution 2x',
      summary: 'Doubles width and height of a small picture with sharp edges, for example before its text is read.',
      tags: ['image', 'super-resolution', 'upscale', 'enlarge', 'esrgan'],
      methods: { Upscale: 'Enlarges one PNG, JPEG, WebP or TIFF of at most 10 MiB and 0.5 megapixels; answers a PNG.' },
    },
  },
  {
    name: 'language',
    definition: LanguageServiceDefinition,
    module: async () => (await import('./language/language.module.js')).LanguageModule,
    prices: pricesOf(LanguageServiceDefinition, { identify: fixed(500n), listLanguages: free }),
    docs: {
      title: 'Language identification',
      summary: 'Says in which of more than a hundred natural languages a text is written.',
      tags: ['text', 'language', 'identification', 'cld3'],
      methods: {
        Identify: 'Identifies the main language of a text of at most 100,000 characters.',
        ListLanguages: 'Names every language that Identify can answer with. Free.',
      },
    },
  },
  {
    name: 'entities',
    definition: EntitiesServiceDefinition,
    module: async () => (await import('./entities/entities.module.js')).EntitiesModule,
    prices: pricesOf(EntitiesServiceDefinition, {
      extract: metered('character', 1n, 20n, 5_000n),
      sentiment: fixed(1_000n),
      streamEntities: metered('entity', 20n, 1n, 5_000n),
    }),
    docs: {
      title: 'Entities and sentiment',
      summary:
        'Finds dates, amounts of money, e-mail addresses, URLs and the like in English text, and how positive it is.',
      tags: ['text', 'entities', 'extraction', 'sentiment', 'english', 'wink-nlp'],
      methods: {
        Extract: 'Finds all entities of a text of at most 100,000 characters. Metered by character.',
        Sentiment: 'Scores a text from -1 (negative) to 1 (positive), by lexicon.',
        StreamEntities: 'As Extract, one entity a message. Metered by entity.',
      },
    },
  },
];

export function modelNamed(name: ModelName): ModelService {
  const model = models.find((each) => each.name === name);
  if (model === undefined) throw new Error(`no model ${name}`);
  return model;
}
