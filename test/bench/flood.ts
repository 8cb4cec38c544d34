import { setTimeout as delay } from 'node:timers/promises';
import { onEnd } from '../support/on-end.js';
import { spawnNode } from '../support/spawn-node.js';
import type { Run } from './bench.js';
import type { EchoProvider } from './echo-provider.js';
import { ending } from './ending.js';
import { callMany, median, quantile, round3 } from './measure.js';
import { embeddedWallet, paidSide } from './payer.js';
import { startStaying } from './start-staying.js';

/** In milliseconds. */
type Latencies = readonly number[];

/** Questions a second. */
const RATES = [100, 300, 1_000];
const plan = { rounds: 7, sliceMs: 2_000, warmUpCalls: 4_000 };
const quickly = { rounds: 1, sliceMs: 50, warmUpCalls: 8 };

/**
 * T66: what a payer who calls one after the other notices of a stranger who floods his provider: unpaid calls, forged
 * vouchers, vouchers of channels that are none, rubbish for the Payments service, health checks.
 */
export const run: Run = ({ quick, say }) =>
  ending(async () => {
    const { rounds, sliceMs, warmUpCalls } = quick ? quickly : plan;
    say('starting chain, database, the echo service and its flooders');
    const provider = await startStaying<EchoProvider>('test/bench/echo-provider.ts');
    const payer = await paidSide('payer', provider, await embeddedWallet(provider));
    const flooder = await startFlooder(provider);
    const slice = async () => (await callMany(payer, { forMs: sliceMs, concurrency: 1, calls: 1 })).latenciesMs;
    await callMany(payer, { calls: warmUpCalls, concurrency: 1 });
    const alone: Latencies[] = [];
    const beside: Latencies[][] = RATES.map(() => []);
    const answered = RATES.map(() => 0);
    for (let i = 0; i < rounds; i++) {
      alone.push(await slice());
      for (const j of RATES.keys()) {
        const flooded = await flooder.during(slice);
        beside[j]!.push(flooded.latenciesMs);
        answered[j]! += flooded.answered;
      }
      say(`round ${i + 1} of ${rounds}`);
    }
    const figures = (latencies: readonly Latencies[]) => ({
      p50Ms: round3(quantile(latencies.flat(), 0.5)),
      p99Ms: round3(quantile(latencies.flat(), 0.99)),
    });
    const ratio = (latencies: readonly Latencies[], q: number) =>
      round3(median(latencies.map((each, i) => quantile(each, q) / quantile(alone[i]!, q))));
    const rates = RATES.map((rate, j) => ({
      questionsPerSec: rate,
      answered: answered[j]!,
      ...figures(beside[j]!),
      p50Ratio: ratio(beside[j]!, 0.5),
      p99Ratio: ratio(beside[j]!, 0.99),
    }));
    const cells = (each: { p50Ms: number; p99Ms: number }) => [each.p50Ms.toFixed(2), each.p99Ms.toFixed(2)];
    return {
      figures: { alone: figures(alone), beside: rates },
      rows: [
        ['flood', 'answered', 'p50 ms', 'p99 ms', 'p50 ratio', 'p99 ratio'],
        ['none', '', ...cells(figures(alone)), '', ''],
        ...rates.map((each) => [
          `${each.questionsPerSec} a second`,
          String(each.answered),
          ...cells(each),
          each.p50Ratio.toFixed(2),
          each.p99Ratio.toFixed(2),
        ]),
      ],
    };
  });

/** A process that floods while something is done, each time at the next of the rates. */
async function startFlooder(provider: EchoProvider) {
  const child = spawnNode('test/bench/flooder.ts', { args: [JSON.stringify(provider), ...RATES.map(String)] });
  onEnd(() => child.stop());
  await child.waitForLine(/^ready /, 60_000);
  let turn = 0;
  return {
    async during(work: () => Promise<Latencies>): Promise<{ latenciesMs: Latencies; answered: number }> {
      child.kill('SIGUSR2');
      await delay(200); // until it is under way
      const latenciesMs = await work();
      child.kill('SIGUSR2');
      const [, answered] = await child.waitForLine(new RegExp(`^answered ${turn++} (\\d+)$`));
      await delay(200); // until what is under way is over
      return { latenciesMs, answered: Number(answered) };
    },
  };
}
