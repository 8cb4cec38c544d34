/** One side of a comparison: a call that can be made again and again, also concurrently. */
export interface Side {
  readonly name: string;
  readonly call: () => Promise<unknown>;
}

export interface SideFigures {
  /** Median latency of sequential calls, in milliseconds. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  /** Calls per second by concurrency. */
  readonly perSecond: Readonly<Record<number, number>>;
}

export interface Plan {
  readonly rounds: number;
  /** Sequential calls of each side in a round. */
  readonly sequential: number;
  readonly concurrency: readonly number[];
  /** Calls of each side in a round at each concurrency. */
  readonly concurrent: number;
}

/** Measures all sides in turn, round by round, so that a machine that changes its speed changes it for all of them. */
export async function compare(sides: readonly Side[], plan: Plan): Promise<Record<string, SideFigures>> {
  const latencies = new Map(sides.map((side) => [side.name, [] as number[]]));
  const rates = new Map(sides.map((side) => [side.name, new Map(plan.concurrency.map((n) => [n, [] as number[]]))]));
  for (const side of sides) await repeat(side.call, 64, 8); // warm-up
  for (let round = 0; round < plan.rounds; round++) {
    // Every other round in the opposite order, so that nobody always comes first.
    for (const side of round % 2 === 0 ? sides : [...sides].reverse()) {
      for (let i = 0; i < plan.sequential; i++) {
        const startedMs = performance.now();
        await side.call();
        latencies.get(side.name)!.push(performance.now() - startedMs);
      }
      for (const n of plan.concurrency) {
        const startedMs = performance.now();
        await repeat(side.call, plan.concurrent, n);
        rates
          .get(side.name)!
          .get(n)!
          .push((plan.concurrent * 1000) / (performance.now() - startedMs));
      }
    }
  }
  return Object.fromEntries(
    sides.map(({ name }) => [
      name,
      {
        p50Ms: round3(quantile(latencies.get(name)!, 0.5)),
        p95Ms: round3(quantile(latencies.get(name)!, 0.95)),
        perSecond: Object.fromEntries([...rates.get(name)!].map(([n, all]) => [n, Math.round(quantile(all, 0.5))])),
      },
    ]),
  );
}

/** Makes `count` calls, `concurrency` at a time. */
async function repeat(call: () => Promise<unknown>, count: number, concurrency: number): Promise<void> {
  let left = count;
  const lane = async () => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

export const round3 = (x: number): number => Math.round(x * 1000) / 1000;
