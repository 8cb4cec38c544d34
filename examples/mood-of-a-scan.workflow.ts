import { EntitiesServiceDefinition } from 'weft/protos/models/entities/v1/entities';
import { LanguageServiceDefinition } from 'weft/protos/models/language/v1/language';
import { OcrServiceDefinition } from 'weft/protos/models/ocr/v1/ocr';
import { service } from 'weft/workflow';

const ocr = service(OcrServiceDefinition, { maxPrice: '5000' });
const language = service(LanguageServiceDefinition, { maxPrice: '500', startToCloseTimeout: '5s' });
const entities = service(EntitiesServiceDefinition, { maxPrice: { sentiment: '1000' }, startToCloseTimeout: '5s' });

/** Three paid steps and a branch: the lexicon of the last one is English. */
export async function moodOfAScan(image: Uint8Array): Promise<string> {
  const { text } = await ocr.recognize({ image });
  const { language: found } = await language.identify({ text });
  if (found !== 'en') return `written in ${found}`;
  const { score } = await entities.sentiment({ text });
  return score > 0 ? 'friendly' : 'not so friendly';
}
