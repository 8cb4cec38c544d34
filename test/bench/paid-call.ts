import type { Run } from './bench.js';
import { comparisonRows } from './comparison-rows.js';
import type { EchoProvider } from './echo-provider.js';
import { ending } from './ending.js';
import { floorRatio, measureFloor } from './floor.js';
import { compare, type Plan } from './measure.js';
import { embeddedWallet, paidSide, unpaidSide, walletProcess } from './payer.js';
import { startStaying } from './start-staying.js';

const plan: Plan = { concurrency: [1, 8, 64], rounds: 9, sliceMs: 1_000, warmUpCalls: 15_000 };
const quickly: Plan = { ...plan, rounds: 1, sliceMs: 20, warmUpCalls: 8 };

/** A paid call against the same call unpaid: one channel, ledgers of both ends durable (fsync on). */
export const run: Run = ({ quick, say }) =>
  ending(async () => {
    say('starting chain, database, the echo service and a wallet process');
    const provider = await startStaying<EchoProvider>('test/bench/echo-provider.ts');
    const unpaid = unpaidSide(provider);
    const embedded = await paidSide('paid, wallet embedded', provider, await embeddedWallet(provider));
    const remote = await paidSide('paid, wallet process', provider, walletProcess(provider));
    const { figures, against } = await compare([unpaid, embedded, remote], quick ? quickly : plan, say);
    const floor = await measureFloor(provider, quick ? 10 : 2_000);
    const leastRatio = floorRatio(floor, figures(unpaid).p50Ms);
    return {
      figures: {
        ...against(embedded),
        unpaid: figures(unpaid),
        paid: figures(embedded),
        walletProcess: { ...against(remote), paid: figures(remote) },
        floor: { ...floor, p50Ratio: leastRatio },
      },
      rows: [
        ...comparisonRows(
          'calls',
          plan.concurrency,
          [unpaid, embedded, remote].map((side) => ({
            name: side.name,
            figures: figures(side),
            against: against(side),
          })),
        ),
        ['unpaid, signed and stored', (leastRatio * figures(unpaid).p50Ms).toFixed(2), leastRatio.toFixed(2)],
      ],
    };
  });
