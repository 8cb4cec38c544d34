import winkModel from 'wink-eng-lite-web-model';
import winkNLP from 'wink-nlp';

export interface FoundEntity {
  readonly type: string;
  readonly text: string;
}

const wink = winkNLP(winkModel, ['sbd', 'ner', 'sentiment', 'negation']);

/** The tokenizer takes time in the square or cube of what has no space in it; 100,000 such characters take minutes. */
const MAX_RUN = 500;
const read = (text: string) => wink.readDoc(text.replace(new RegExp(`\\S{${MAX_RUN + 1},}`, 'gu'), ' '));

/** Entities in order of appearance. */
export async function findEntities(text: string): Promise<FoundEntity[]> {
  const found = read(text).entities().out(wink.its.detail) as unknown as { type: string; value: string }[];
  return found.map(({ type, value }) => ({ type, text: value }));
}

/** -1 (negative) to 1 (positive). */
export async function scoreSentiment(text: string): Promise<number> {
  return read(text).out(wink.its.sentiment) as unknown as number;
}
