import { describe, expect, it } from '@jest/globals';
import { findEntities, scoreSentiment } from './wink.js';

describe('findEntities', () => {
  it('finds what a letter names, in order', async () => {
    const text =
      'On March 14, 2024 we sent 14 books. Total due: $348.55, 5% off. Write to orders@harbourbooks.example or see https://harbourbooks.example within 30 days, at 9:30 AM.';
    expect(await findEntities(text)).toEqual([
      { type: 'DATE', text: 'March 14, 2024' },
      { type: 'CARDINAL', text: '14' },
      { type: 'MONEY', text: '$348.55' },
      { type: 'PERCENT', text: '5%' },
      { type: 'EMAIL', text: 'orders@harbourbooks.example' },
      { type: 'URL', text: 'https://harbourbooks.example' },
      { type: 'DURATION', text: '30 days' },
      { type: 'TIME', text: '9:30 AM' },
    ]);
  });

  // Without the limit on what has no white space these take from 20 seconds to many minutes.
  it.each(['a.', 'http://', '&'])('T56 T66 takes linear time of %j a hundred thousand times', async (unit) => {
    const startedAtMs = performance.now();
    expect(await findEntities(`Pay $5. ${unit.repeat(100_000 / unit.length)}`)).toContainEqual({
      type: 'MONEY',
      text: '$5',
    });
    expect(performance.now() - startedAtMs).toBeLessThan(5_000);
  });
});

describe('scoreSentiment', () => {
  it('tells praise from complaint', async () => {
    expect(await scoreSentiment('I love this. It is wonderful!')).toBeGreaterThan(0.3);
    expect(await scoreSentiment('Terrible and awful, I hate it.')).toBeLessThan(-0.3);
    expect(await scoreSentiment('The meeting is on Tuesday.')).toBe(0);
  });
});
