import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageJson } from './message-json.js';
import { collectPair, MAX_FILE_BYTES } from './pairs.js';

const schema = {
  type: 'object',
  properties: {
    image: { type: 'string', contentEncoding: 'base64' },
    text: { type: 'string' },
    count: { type: 'integer' },
    big: { type: ['string', 'integer'] },
    box: { $ref: '#/$defs/Box' },
  },
  $defs: { Box: { type: 'object', properties: { left: { type: 'number' } } } },
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-input-'));
});
afterAll(() => rm(folder, { recursive: true }));

const pairs = (...texts: string[]) =>
  texts.reduce((before, text) => collectPair(text, before), [] as ReturnType<typeof collectPair>);

describe('pairs', () => {
  test.each(['image', '=x', 'image=@'])('"%s" is refused', (text) => {
    expect(() => collectPair(text)).toThrow();
  });

  test('a name given twice is refused', () => {
    expect(() => pairs('a=1', 'a=2')).toThrow('"a" is given twice');
  });

  test('a value may hold "="', () => {
    expect(pairs('a=b=c')).toEqual([{ name: 'a', value: 'b=c', fromFile: false }]);
  });
});

describe('messageJson', () => {
  test('a file becomes base64 in a bytes field and text in a text field', async () => {
    const file = join(folder, 'grüße.txt');
    await writeFile(file, 'Grüße');
    expect(await messageJson('{}', pairs(`image=@${file}`, `text=@${file}`), schema)).toEqual({
      image: Buffer.from('Grüße').toString('base64'),
      text: 'Grüße',
    });
  });

  test('values are written as their field wants them', async () => {
    expect(
      await messageJson('{"text":"x"}', pairs('count=3', 'big=18446744073709551615', 'box.left=1.5'), schema),
    ).toEqual({ text: 'x', count: 3, big: '18446744073709551615', box: { left: 1.5 } });
  });

  test('a number in a text field stays text', async () => {
    expect(await messageJson('{}', pairs('text=42'), schema)).toEqual({ text: '42' });
  });

  test.each([
    ['not JSON', '{', [], 'not JSON'],
    ['not an object', '[1]', [], 'must be a JSON object'],
    ['an unknown field', '{}', ['colour=red'], 'no field "colour"; it has image, text'],
    ['a path through a text', '{}', ['text.x=1'], 'no field "text.x"'],
    ['a path through a value', '{"box":1}', ['box.left=1'], 'not an object'],
    ['a field of every object', '{}', ['constructor=1'], 'no field "constructor"'],
    ['a field given twice', '{"text":"a"}', ['text=b'], 'given twice'],
    ['a missing file', '{}', ['image=@/nowhere/at/all'], 'cannot read /nowhere/at/all'],
  ])('%s is refused and named', async (_name, json, fields, message) => {
    await expect(messageJson(json, pairs(...fields), schema)).rejects.toThrow(message);
  });

  test('a folder and a file beyond the limit are refused before they are read', async () => {
    await expect(messageJson('{}', pairs(`image=@${folder}`), schema)).rejects.toThrow('is not a file');
    const big = join(folder, 'big');
    await writeFile(big, Buffer.alloc(MAX_FILE_BYTES + 1));
    await expect(messageJson('{}', pairs(`image=@${big}`), schema)).rejects.toThrow('more than');
  });
});
