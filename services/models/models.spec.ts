import { describe, expect, it } from '@jest/globals';
import { chargeFor } from '#core/price.js';
import { methodPath } from '#core/service-definition.js';
import { modelNamed, modelNames, models } from './models.js';
import { MAX_CHARACTERS, MAX_UPSCALE_PIXELS } from './shared/limits.js';
import { kilopixels } from './superres/upscaler.js';

describe('models', () => {
  it('are named once', () => {
    expect(models.map(({ name }) => name)).toEqual(modelNames);
  });

  it.each(models.map((each) => [each.name, each] as const))(
    '%s prices and explains each of its methods',
    (_, model) => {
      const methods = Object.values(model.definition.methods);
      expect(model.prices.map(({ method }) => method)).toEqual(
        methods.map((each) => methodPath(model.definition, each).slice(1)),
      );
      expect(Object.keys(model.docs.methods)).toEqual(methods.map(({ name }) => name));
      for (const price of model.prices) {
        expect(price.unit === '').toBe(price.kind !== 'metered');
        expect(price.maxAmount >= (price.kind === 'fixed' ? price.rate : 0n)).toBe(true);
      }
    },
  );

  it('have a free method', () => {
    expect(models.flatMap(({ prices }) => prices).some(({ kind }) => kind === 'free')).toBe(true);
  });

  it('never cost more than their maximum, which the largest request reaches', () => {
    const upscale = modelNamed('superres').prices[0]!;
    expect(chargeFor(upscale, BigInt(kilopixels(1_000, MAX_UPSCALE_PIXELS / 1_000)))).toBe(upscale.maxAmount);
    const extract = modelNamed('entities').prices[0]!;
    expect(chargeFor(extract, BigInt(MAX_CHARACTERS))).toBe(extract.maxAmount);
  });

  it('count kilopixels up', () => {
    expect([kilopixels(1, 1), kilopixels(10, 100), kilopixels(10, 101), kilopixels(174, 132)]).toEqual([1, 1, 2, 23]);
  });
});
