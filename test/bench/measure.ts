/** One side of a comparison: something that can be done again and again, also several times at once. */
export interface Side {
  readonly name: string;
  /** May give the latencies of its parts, in milliseconds; else its own counts. */
  readonly call: () => Promise<readonly number[] | undefined>;
  /** How many things are done by one call. Default 1. */
  readonly each?: number;
}

export interface SideFigures {
  /** Median latency with nothing else under way, in milliseconds. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  /** Things done per second by how many calls are under way at once. */
  readonly perSecond: Readonly<Record<number, number>>;
}

export interface Comparison {
  /** Latency over the base's: median of the rounds' ratios of medians. */
  readonly p50Ratio: number;
  /** Calls per second over the base's, by concurrency: median of the rounds' ratios. */
  readonly throughputShare: Readonly<Record<number, number>>;
}

export interface Plan {
  /** The first must be 1: its calls also give the latencies. */
  readonly concurrency: readonly number[];
  readonly rounds: number;
  /** How long each side is called in a round, at each concurrency. */
  readonly sliceMs: number;
  /** Calls of each side before anything is measured: compilers and caches take thousands. */
  readonly warmUpCalls: number;
}

interface Slice {
  readonly latenciesMs: readonly number[];
  readonly perSecond: number;
}

/** The same moment's figures of all sides, by name and concurrency. */
type Round = ReadonlyMap<string, ReadonlyMap<number, Slice>>;

/**
 * Measures all sides in short turns, so that a machine that changes its speed changes it for all of them, and gives the
 * figures of each and how it compares with the first, the base.
 */
export async function compare(sides: readonly Side[], plan: Plan, say: (line: string) => void) {
  const { concurrency, sliceMs, warmUpCalls } = plan;
  const [base] = sides as [Side];
  for (const side of sides) {
    say(`warming up: ${side.name}`);
    await callMany(side, { calls: warmUpCalls, concurrency: 8 });
  }
  const rounds: Round[] = [];
  for (let i = 0; i < plan.rounds; i++) {
    const round = new Map(sides.map(({ name }) => [name, new Map<number, Slice>()]));
    // Every other round in the opposite order, so that nobody always comes first.
    const order = i % 2 === 0 ? sides : [...sides].reverse();
    for (const n of concurrency)
      for (const side of order)
        round.get(side.name)?.set(n, await callMany(side, { forMs: sliceMs, concurrency: n, calls: 1 }));
    rounds.push(round);
    say(`round ${i + 1} of ${plan.rounds}`);
  }
  const slice = (round: Round, name: string, n: number) => round.get(name)?.get(n) as Slice;
  const p50 = (round: Round, name: string) => quantile(slice(round, name, 1).latenciesMs, 0.5);
  const byConcurrency = (value: (n: number) => number) => Object.fromEntries(concurrency.map((n) => [n, value(n)]));
  return {
    figures: ({ name }: Side): SideFigures => {
      const latencies = rounds.flatMap((round) => slice(round, name, 1).latenciesMs);
      return {
        p50Ms: round3(quantile(latencies, 0.5)),
        p95Ms: round3(quantile(latencies, 0.95)),
        perSecond: byConcurrency((n) => round3(median(rounds.map((round) => slice(round, name, n).perSecond)))),
      };
    },
    against: ({ name }: Side): Comparison => ({
      p50Ratio: round3(median(rounds.map((round) => p50(round, name) / p50(round, base.name)))),
      throughputShare: byConcurrency((n) =>
        round3(median(rounds.map((round) => slice(round, name, n).perSecond / slice(round, base.name, n).perSecond))),
      ),
    }),
  };
}

/** Calls for as long as wanted, and at least so often, `concurrency` at a time. */
export async function callMany(
  { call, each = 1 }: Side,
  { forMs = 0, concurrency, calls }: { forMs?: number; concurrency: number; calls: number },
): Promise<Slice> {
  const latenciesMs: number[] = [];
  const beganMs = performance.now();
  let begun = 0;
  const lane = async () => {
    for (let nowMs = performance.now(); begun < calls || nowMs - beganMs < forMs; ) {
      begun++;
      const parts = await call();
      const endMs = performance.now();
      latenciesMs.push(...(parts ?? [endMs - nowMs]));
      nowMs = endMs;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  return { latenciesMs, perSecond: (begun * each * 1000) / (performance.now() - beganMs) };
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export const round3 = (x: number): number => Math.round(x * 1000) / 1000;
