import { TokenBuckets } from './rate-limit.js';

test('T66 a bucket empties, fills with time and never above its burst', () => {
  let nowMs = 0;
  const buckets = new TokenBuckets({ perSec: 2, burst: 4 }, () => nowMs);
  expect([1, 1, 1, 1].map((cost) => buckets.take('a', cost).ok)).toEqual([true, true, true, true]);
  expect(buckets.take('a')).toEqual({ ok: false, retryAfterSec: 1 });
  expect(buckets.take('a', 4)).toEqual({ ok: false, retryAfterSec: 2 });
  expect(buckets.take('b').ok).toBe(true);
  nowMs = 500;
  expect(buckets.take('a').ok).toBe(true);
  nowMs = 1_000_000;
  expect(buckets.take('a', 5).ok).toBe(false);
  expect(buckets.take('a', 4).ok).toBe(true);
});

test('T66 a clock that goes back gives and takes nothing', () => {
  let nowMs = 10_000;
  const buckets = new TokenBuckets({ perSec: 1, burst: 1 }, () => nowMs);
  expect(buckets.take('a').ok).toBe(true);
  nowMs = 0;
  expect(buckets.take('a').ok).toBe(false);
});

test('T66 strangers by the million take bounded memory', () => {
  const buckets = new TokenBuckets({ perSec: 1, burst: 1 }, () => 0);
  for (let i = 0; i < 20_000; i++) buckets.take(String(i));
  expect(buckets.size).toBe(10_000);
});
