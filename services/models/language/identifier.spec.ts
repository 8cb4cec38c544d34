import { describe, expect, it } from '@jest/globals';
import { Identifier, languages } from './identifier.js';

const identifier = new Identifier();

describe('Identifier', () => {
  it.each([
    ['en', 'Thank you for your order, it was a pleasure to help you choose such books.'],
    ['fr', 'Bonjour tout le monde, comment allez-vous ce matin ?'],
    ['de', 'Guten Tag, wie geht es Ihnen heute Morgen in der Stadt?'],
    ['es', 'Muchas gracias por su pedido, fue un placer ayudarle.'],
    ['ja', 'こんにちは世界、今日はいい天気ですね。'],
    ['ru', 'Привет, как дела? Сегодня хорошая погода.'],
    ['he', 'שלום עולם, מה שלומך היום?'],
  ])('says %s', async (language, text) => {
    expect(await identifier.identify(text)).toMatchObject({ language, reliable: true });
    expect(languages).toContain(language);
  });

  it.each(['12345 67', '$$$ !!!', '😀😀'])('says that it does not know of %j', async (text) => {
    expect(await identifier.identify(text)).toEqual({ language: 'und', probability: 0, reliable: false });
  });

  it('reads past a NUL', async () => {
    expect(await identifier.identify('a\0 Bonjour tout le monde, comment allez-vous ce matin ?')).toMatchObject({
      language: 'fr',
    });
  });

  it('refuses an empty text', async () => {
    await expect(identifier.identify(' ')).rejects.toMatchObject({ reason: 'EMPTY_TEXT' });
  });

  it('lists each language once, in order', () => {
    expect(languages.length).toBeGreaterThan(100);
    expect([...new Set(languages)].sort()).toEqual(languages);
  });
});
