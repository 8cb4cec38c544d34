import { describe, expect, it } from '@jest/globals';
import { decodeLine } from './decode-line.js';

const characters = ['', ...'ab12.,:@（中e', ' '];

/** One step per item: a character ('' for the blank), or one with the trace of a space beside it. */
function read(...steps: (string | [string, number])[]) {
  const rows = steps.flatMap((step) => {
    const [character, trace] = typeof step === 'string' ? [step, 0] : step;
    const row = new Array(characters.length).fill(0);
    row[characters.indexOf(character)] = 0.8;
    if (trace > 0) row[characters.length - 1] = trace;
    return row;
  });
  return decodeLine(Float32Array.from(rows), characters);
}

describe('decodeLine', () => {
  it('drops repetitions and blanks, but keeps double letters', () => {
    const { text, confidence } = read('', 'a', 'a', '', 'a', 'b', 'b');
    expect(text).toBe('aab');
    expect(confidence).toBeCloseTo(0.8, 6);
  });

  it('reads nothing from blanks', () => {
    expect(read('', '')).toEqual({ text: '', confidence: 0 });
    expect(read()).toEqual({ text: '', confidence: 0 });
  });

  it.each([
    ['a space that was seen', ['a', ' ', 'b'], 'a b'],
    ['a strong trace between words', ['a', ['', 0.1], 'b'], 'a b'],
    ['no faint trace between words', ['a', ['', 0.02], 'b'], 'ab'],
    ['a faint trace behind punctuation', ['a', ',', ['', 0.02], 'b'], 'a, b'],
    ['no faint trace within a number', ['1', ',', ['', 0.05], '2'], '1,2'],
    ['no faint trace within a name', ['a', '.', ['', 0.05], 'e'], 'a.e'],
    ['no trace before punctuation', ['a', ['', 0.2], ',', 'b'], 'a,b'],
    ['no trace around an at sign', ['a', ['', 0.2], '@', ['', 0.2], 'b'], 'a@b'],
    ['no trace twice', ['a', ' ', ['', 0.2], 'b'], 'a b'],
  ] as [string, (string | [string, number])[], string][])('takes %s', (_, steps, text) => {
    expect(read(...steps).text).toBe(text);
  });

  it('writes full-width signs as Latin ones, unless the line is Chinese', () => {
    expect(read('a', '（').text).toBe('a(');
    expect(read('中', '（').text).toBe('中（');
  });

  it('sets a year apart from the day before it', () => {
    expect(read('1', ',', '2', 'a').text).toBe('1,2a');
    const digits = ['', ...'12490,', ' '];
    const row = (c: string) => digits.map((each) => (each === c ? 1 : 0));
    const probabilities = Float32Array.from([...'14,2024'].flatMap(row));
    expect(decodeLine(probabilities, digits).text).toBe('14, 2024');
  });
});
