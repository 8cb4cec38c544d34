export interface ReadText {
  readonly text: string;
  /** Mean probability of the characters, 0 to 1. */
  readonly confidence: number;
}

/**
 * The reader was trained mostly on Chinese, which has no spaces, and drops many of them; yet where one stood it left
 * a trace of probability. A trace this strong, seen since the last character, counts as a space: less is asked for
 * behind punctuation, where Latin script nearly always has one.
 */
const SPACE_TRACE = 0.04;
const SPACE_TRACE_AFTER_PUNCTUATION = 0.01;

/**
 * Reads the network's output, one row of probabilities per step across the line: the likeliest of each step, without
 * repetitions and blanks (CTC).
 * @param characters by class; the first is the blank, the last the space
 */
export function decodeLine(probabilities: Float32Array, characters: readonly string[]): ReadText {
  const classes = characters.length;
  const space = classes - 1;
  let text = '';
  let sum = 0;
  let count = 0;
  let previous = 0;
  let trace = 0;
  for (let row = 0; row < probabilities.length; row += classes) {
    let best = 0;
    for (let i = 1; i < classes; i++) if (probabilities[row + i]! > probabilities[row + best]!) best = i;
    trace = Math.max(trace, probabilities[row + space]!);
    if (best !== 0 && best !== previous) {
      const character = characters[best]!;
      if (best !== space && missesSpace(text, character, trace)) text += ' ';
      text += character;
      sum += probabilities[row + best]!;
      count++;
      trace = 0;
    }
    previous = best;
  }
  return { text: tidy(text), confidence: count === 0 ? 0 : sum / count };
}

function missesSpace(text: string, next: string, trace: number): boolean {
  if (/(^|\s|@)$/.test(text) || /[,.:;!?，。：；！？@]/.test(next)) return false;
  // "1,250.00" and "example.com" have none; after "3," a letter makes a new word likely.
  const isInsideToken = /\d[,.:]$/.test(text) ? /\d/.test(next) : /\.$/.test(text) && /[a-z]/.test(next);
  const isAfterPunctuation = /[,.:;!?，。：；！？]$/.test(text) && !isInsideToken;
  return trace > (isAfterPunctuation ? SPACE_TRACE_AFTER_PUNCTUATION : isInsideToken ? 2 * SPACE_TRACE : SPACE_TRACE);
}

/**
 * Full-width forms of Latin signs are a habit of the training data; among ideographs they stay. Digits in groups come
 * in threes: four behind a comma are a year.
 */
function tidy(text: string): string {
  const line = text.trim();
  if (/\p{Script=Han}/u.test(line)) return line;
  return line.normalize('NFKC').replace(/(?<=\d),(?=(19|20)\d\d\b)/g, ', ');
}
