import { compare, round3, type SideFigures } from './measure.js';
import { embeddedWallet, paidSide, startProvider, unpaidSide } from './payer.js';

const CONCURRENCY = [1, 8, 64] as const;

/** A paid call against the same call unpaid: one channel, ledgers of both ends durable (fsync on). */
export async function run(say: (line: string) => void) {
  say('starting chain, database and the echo service …');
  const { provider, stop } = await startProvider();
  const wallet = await embeddedWallet(provider);
  const unpaid = unpaidSide(provider);
  const paid = await paidSide('paid', provider, wallet);
  try {
    say('calling, paid and unpaid in turn …');
    const figures = await compare([unpaid, paid], {
      rounds: 5,
      sequential: 300,
      concurrency: CONCURRENCY,
      concurrent: 1_000,
    });
    const [without, by] = [figures['unpaid']!, figures['paid']!];
    return {
      bench: 'paid-call',
      p50Ratio: round3(by.p50Ms / without.p50Ms),
      throughputShare: shares(by, without),
      unpaid: without,
      paid: by,
    };
  } finally {
    await paid.close();
    unpaid.close();
    await wallet.close();
    await stop();
  }
}

const shares = (paid: SideFigures, unpaid: SideFigures): Record<number, number> =>
  Object.fromEntries(CONCURRENCY.map((n) => [n, round3(paid.perSecond[n]! / unpaid.perSecond[n]!)]));
