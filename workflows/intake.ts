import { EntitiesServiceDefinition, type Entity } from '#protos/models/entities/v1/entities.js';
import { type IdentifyResponse, LanguageServiceDefinition } from '#protos/models/language/v1/language.js';
import { type ClassifyResponse, ModerationServiceDefinition } from '#protos/models/moderation/v1/moderation.js';
import { OcrServiceDefinition } from '#protos/models/ocr/v1/ocr.js';
import { SuperResolutionServiceDefinition } from '#protos/models/superres/v1/superres.js';
import { pictureSize } from './picture-size.js';
import { quote, service } from './runtime/service.js';

const moderation = service(ModerationServiceDefinition, { maxPrice: '2000' });
const ocr = service(OcrServiceDefinition, { maxPrice: '5000' });
const superResolution = service(SuperResolutionServiceDefinition, { maxPrice: '5000' });
const language = service(LanguageServiceDefinition, { maxPrice: '1000', startToCloseTimeout: '5s' });
const entities = service(EntitiesServiceDefinition, {
  maxPrice: { extract: '5000', sentiment: '5000' },
  startToCloseTimeout: '5s',
});

/** The stubs that `intake` calls, for whoever wants to know its price beforehand. */
export const intakeServices = [moderation, ocr, superResolution, language, entities];

/** Print in a scan of fewer pixels is too small to be read well; more would take long to enlarge. */
const SMALL_PIXELS = 120_000;
/** What the text services take at most. */
const MAX_CHARACTERS = 100_000;

export interface IntakeInput {
  /** PNG, JPEG, WebP or TIFF; at most 10 MiB. */
  readonly image: Uint8Array;
}

export interface IntakeOutput {
  readonly text: string;
  /** Null, as `sentiment` is, when there is no text. */
  readonly language: IdentifyResponse | null;
  readonly moderation: ClassifyResponse;
  readonly entities: readonly Entity[];
  /** -1 (negative) to 1 (positive). */
  readonly sentiment: number | null;
}

/** Takes in a scanned page: is it fit to be seen, what does it say, in which language, about what, in which mood. */
export async function intake({ image }: IntakeInput): Promise<IntakeOutput> {
  await quote({ services: intakeServices });
  const [judgement, text] = await Promise.all([moderation.classify({ image }), read(image)]);
  const readable = text.slice(0, MAX_CHARACTERS);
  if (readable.trim() === '') return { text, language: null, moderation: judgement, entities: [], sentiment: null };
  const identified = await language.identify({ text: readable });
  const [found, mood] = await Promise.all([
    entities.extract({ text: readable }),
    entities.sentiment({ text: readable }),
  ]);
  return {
    text,
    language: identified,
    moderation: judgement,
    entities: found.entities,
    sentiment: mood.score,
  };
}

async function read(image: Uint8Array): Promise<string> {
  const size = pictureSize(image);
  const small = size !== undefined && size.width * size.height < SMALL_PIXELS;
  const page = small ? (await superResolution.upscale({ image })).image : image;
  return (await ocr.recognize({ image: page })).text;
}
