import type { Comparison, SideFigures } from './measure.js';

export interface ComparedSide {
  readonly name: string;
  readonly figures: SideFigures;
  readonly against: Comparison;
}

/** A table of all sides, the base first. `unit`: what is done per second. */
export const comparisonRows = (
  unit: string,
  concurrency: readonly number[],
  sides: readonly ComparedSide[],
): string[][] => [
  ['', 'p50 ms', 'ratio', ...concurrency.flatMap((n) => [`${unit}/s at ${n}`, 'share'])],
  ...sides.map(({ name, figures: { p50Ms, perSecond }, against: { p50Ratio, throughputShare } }) => [
    name,
    p50Ms.toFixed(2),
    p50Ratio.toFixed(2),
    ...concurrency.flatMap((n) => [(perSecond[n] ?? 0).toFixed(0), (throughputShare[n] ?? 0).toFixed(2)]),
  ]),
];
