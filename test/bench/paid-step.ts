import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { writeMarketplace } from '#client/marketplace.js';
import { connectTemporal } from '#client/temporal/connect-temporal.js';
import { payloadsOf } from '#client/temporal/payloads.js';
import { startGrpcApp } from '#platform/grpc/start-grpc-app.js';
import { startPostgres } from '#platform/local/postgres.js';
import { startTemporal } from '#platform/local/temporal.js';
import { EntitiesServiceDefinition } from '#protos/models/entities/v1/entities.js';
import { createDatabase } from '../support/database.js';
import { startMarket } from '../support/market.js';
import { onEnd } from '../support/on-end.js';
import { marketplaceFor } from '../support/paid-runs.js';
import { startPaidWords, wordsModule } from '../support/paid-words.js';
import { spawnNode } from '../support/spawn-node.js';
import { tempDir } from '../support/temp-dir.js';
import { giveMoney, startWalletProcess, walletHome } from '../support/wallet-process.js';
import type { Run } from './bench.js';
import { comparisonRows } from './comparison-rows.js';
import { ending } from './ending.js';
import { compare, type Plan, type Side } from './measure.js';
import { startStaying } from './start-staying.js';

const STEPS = 10;
const PAYER_FUNDS = 10n ** 12n;
const plan: Plan = { concurrency: [1, 8], rounds: 9, sliceMs: 4_000, warmUpCalls: 150 };
const quickly: Plan = { ...plan, rounds: 1, sliceMs: 0, warmUpCalls: 1 };

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/**
 * A paid step of a workflow against a bare ordinary activity that makes the same call unpaid, on the same Temporal
 * server. Runs have ten steps; a step's latency is the time from one arrival at the service to the next, so a
 * run's start and its quote are not in it, while steps per second count whole runs.
 */
export const run: Run = ({ quick, say }) =>
  ending(async () => {
    say('starting chain, database, Temporal, the service paid and unpaid, wallet and two workers');
    const { client, arrivals } = await startEverything();
    await client.workflow.execute('fillChannel', { taskQueue: 'paid', workflowId: 'fill', args: [] });

    const side = (name: string, taskQueue: string, workflow: string): Side => ({
      name,
      each: STEPS,
      async call() {
        const workflowId = randomBytes(16).toString('hex');
        const text = workflowId.padEnd(200, '.');
        arrivals.set(text, []);
        await client.workflow.execute(workflow, { taskQueue, workflowId, args: [text, STEPS] });
        const atMs = arrivals.get(text) ?? [];
        arrivals.delete(text);
        if (atMs.length !== STEPS) throw new Error(`${name}: ${atMs.length} calls arrived for ${STEPS} steps`);
        return atMs.slice(1).map((ms, i) => ms - (atMs[i] as number));
      },
    });
    const bare = side('bare activity, unpaid', 'bare', 'bareSteps');
    const ordinary = side('paid step', 'paid', 'ordinarySteps');
    const local = side('paid step, local', 'paid', 'localSteps');
    const { figures, against } = await compare([bare, ordinary, local], quick ? quickly : plan, say);
    return {
      figures: {
        ...against(ordinary),
        bare: figures(bare),
        paid: figures(ordinary),
        local: { ...against(local), paid: figures(local) },
      },
      rows: comparisonRows(
        'steps',
        plan.concurrency,
        [bare, ordinary, local].map((side) => ({ name: side.name, figures: figures(side), against: against(side) })),
      ),
    };
  });

/** As `weft up` runs them, but for the service and the file of workflows. */
async function startEverything(): Promise<{ client: Client; arrivals: Map<string, number[]> }> {
  const dir = tempDir();
  const postgres = await startPostgres({ dir: join(dir, 'postgres') });
  onEnd(() => postgres.stop());
  process.env['WEFT_TEST_POSTGRES'] = postgres.url();
  const temporal = await startTemporal({
    dbFile: join(dir, 'temporal', 'temporal.db'),
    logFile: join(dir, 'temporal.log'),
  });
  onEnd(() => temporal.stop());

  /** When calls with a text reached the service. */
  const arrivals = new Map<string, number[]>();
  const handlers = {
    extract(text: string) {
      arrivals.get(text)?.push(performance.now());
      return [{ type: 'WORD', text }];
    },
  };
  const market = await startMarket();
  const words = await startPaidWords(market, { handlers });
  onEnd(() => words.stop());
  const unpaid = await startGrpcApp({
    module: wordsModule(handlers, []),
    definitions: [EntitiesServiceDefinition],
    graceMs: 200,
  });
  onEnd(() => unpaid.close());

  const home = await walletHome(market.chain);
  const wallet = await startWalletProcess(home, { DATABASE_URL: await createDatabase() });
  onEnd(() => wallet.process.stop());
  await giveMoney(market.chain, wallet.payer, PAYER_FUNDS);
  const where = { wallet: wallet.address, walletTokenFile: 'wallet/spend.token', taskQueue: 'paid' };
  await writeMarketplace(home, marketplaceFor(market, temporal, where));
  const worker = spawnNode('services/worker/main.ts', {
    env: { WEFT_HOME: home, WEFT_WORKFLOWS: file('paid-workflows.ts'), WEFT_TASK_QUEUE: 'paid' },
  });
  await worker.waitForLine(/"msg":"ready"/, 120_000);
  await startStaying('test/bench/bare-worker.ts', {
    args: [temporal.address, unpaid.address, 'bare', file('bare-workflows.ts')],
  });
  const client = await connectTemporal({
    address: temporal.address,
    namespace: 'default',
    payloads: payloadsOf(home, {}),
  });
  onEnd(() => client.connection.close());
  return { client, arrivals };
}
