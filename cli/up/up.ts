import { once } from 'node:events';
import { isLocalChain } from '#contracts/deploy.js';
import { Token } from '#contracts/token.js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import { formatUnits } from '#core/money.js';
import { shippedPipelines } from '#services/gateway/runs/shipped-pipelines.js';
import { openChain } from '../chain.js';
import type { Context } from '../command.js';
import { releasesText } from '../commands/release.js';
import { openGateway } from '../gateway/open-gateway.js';
import { runFailure } from '../gateway/run-failure.js';
import { messageJson } from '../input/message-json.js';
import { type Pair, pairBytes } from '../input/pairs.js';
import { outputText } from '../output/output-text.js';
import { stepHeader, stepRow } from '../output/step-rows.js';
import { table } from '../output/table.js';
import { toJson } from '../output/to-json.js';
import { tokenUnit } from '../output/token-unit.js';
import { shortHex } from '../output/units.js';
import { openProvider } from '../provider.js';
import { claimHome } from './claim-home.js';
import { type DemoResult, demo } from './demo.js';
import { Home } from './home.js';
import { LocalMarketplace } from './local-marketplace.js';
import { openChannels } from './open-channels.js';
import { Progress, seconds } from './progress.js';
import { scanFile } from './scan-file.js';
import { whatNow } from './what-now.js';

export interface UpOptions {
  readonly once?: boolean;
  readonly input?: readonly Pair[];
}

/** Claims are made at once on a local chain; elsewhere they wait until they are worth their gas. */
const SETTLED_WITHIN_MS = 20_000;

/** Starts everything, runs the pipeline and tells who earned what; then stays until it is asked to end, or ends at once. */
export async function up(
  context: Context,
  { once: endAfter = false, input: given = [] }: UpOptions,
): Promise<undefined> {
  // A slip in the name of a file is told now, not after everything has started.
  for (const pair of given) await pairBytes(pair);
  const home = new Home(context.home);
  const progress = new Progress();
  const release = claimHome(home);
  const asked = stopAsked();
  try {
    const local = await LocalMarketplace.start({ home, progress, stopAsked: asked });
    try {
      await Promise.race([serve(context, { home, local, progress, given, endAfter, asked }), local.broken]);
    } finally {
      await progress.step('stopped', () => local.stop());
    }
  } finally {
    release();
  }
}

interface Serving {
  readonly home: Home;
  readonly local: LocalMarketplace;
  readonly progress: Progress;
  readonly given: readonly Pair[];
  readonly endAfter: boolean;
  readonly asked: Promise<unknown>;
}

async function serve(context: Context, { home, local, progress, given, endAfter, asked }: Serving): Promise<undefined> {
  const pipeline = shippedPipelines[0]!;
  const stopped = asked.then(() => {
    throw new WeftError('CANCELLED', 'stopped before the run had ended');
  });
  stopped.catch(() => {});
  const opened = await progress.step('channels', () =>
    openChannels({
      home: home.path,
      requirements: pipeline.requirements,
      ended: Promise.race([stopped, local.broken]),
      say: (line) => progress.say(line),
    }),
  );
  const readyMs = progress.elapsedMs();
  progress.say(`ready in ${seconds(readyMs)}${opened === undefined ? '' : `; channels opened in ${opened}`}`);

  const { provider, contracts } = await openChain(context);
  const { symbol, decimals } = await tokenUnit(new Token(contracts.token, provider));
  const money: Money = (amount) => `${formatUnits(amount, decimals)} ${symbol}`;
  const gateway = await openGateway(context);
  const inputs = given.length > 0 ? given : [{ name: 'image', value: scanFile(), fromFile: true } satisfies Pair];
  const { input: schema } = await gateway.get<{ input: object }>(`/v1/pipelines/${pipeline.name}`);
  const input = await messageJson('{}', inputs, schema);
  const { maxTotal } = await gateway.post<{ maxTotal: string }>('/v1/quotes', { pipeline: pipeline.name });
  progress.say(`running ${pipeline.name}, at most ${money(BigInt(maxTotal))}`);
  context.print(stepHeader);
  const result = await Promise.race([
    demo({
      home: home.path,
      marketplace: local.marketplace,
      gateway,
      pipeline: pipeline.name,
      input,
      maxTotal,
      settledWithinMs: isLocalChain(local.deployment.chainId) ? SETTLED_WITHIN_MS : 0,
      onStep: (step) => context.print(stepRow({ ...step, amount: formatUnits(BigInt(step.amount), decimals) })),
      async release() {
        const provider = await openProvider(context);
        return await provider.releaseNow().finally(() => provider.close());
      },
    }),
    stopped,
  ]);
  const { view } = result;
  const failure = runFailure(view);
  if (failure !== undefined) throw failure;
  process.stdout.write(`${context.asJson ? toJson(report(result, readyMs)) : settlementText(result, money)}\n`);
  if (endAfter) return;
  progress.say(whatNow(local.marketplace, view.runId));
  await asked;
}

/** Resolves when the user asks us to end: Ctrl-C, or a signal of whoever started us. */
async function stopAsked(): Promise<void> {
  await Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal)));
}

function report({ view, settlement, releases, payerBefore, payerAfter }: DemoResult, readyMs: number) {
  return {
    runId: view.runId,
    pipeline: view.pipeline,
    status: view.status,
    output: view.output,
    steps: view.steps.map(({ step, listing, method, amount, latencyMs, attempts, receipt }) => ({
      step,
      listing,
      method,
      amount,
      latencyMs,
      attempts,
      receipt,
    })),
    quote: view.quote,
    paid: view.paid,
    settlement: settlement.map(({ asset, owner, amount, tx }) => ({
      asset: String(asset),
      owner,
      amount: String(amount),
      tx,
    })),
    releases: releases.map(({ asset, owner, earned, royalties, amount, transaction }) => ({
      asset: String(asset),
      owner: toHex(owner),
      earned: String(earned),
      royalties: String(royalties),
      amount: String(amount),
      tx: transaction,
    })),
    payerBefore: String(payerBefore),
    payerAfter: String(payerAfter),
    readyMs,
  };
}

function settlementText(result: DemoResult, money: Money): string {
  const { view, settlement, releases, payerBefore, payerAfter } = result;
  const rows = settlement.map(({ asset, owner, amount, tx }) => [String(asset), shortHex(owner), money(amount), tx]);
  const columns = [
    { title: 'ASSET', align: 'right' as const },
    { title: 'OWNER' },
    { title: 'EARNED', align: 'right' as const },
    { title: 'TRANSACTION', maxWidth: 66 },
  ];
  return [
    '',
    outputText(view.output),
    '',
    ...(rows.length === 0
      ? ['claimed once it is worth its gas; now: npx weft claim, then npx weft release']
      : [
          table(columns, rows),
          '',
          'released to owners, and to the makers of what the services were built from:',
          releasesText(releases, money),
        ]),
    '',
    `paid ${money(BigInt(view.paid))} of at most ${money(BigInt(view.quote ?? '0'))}`,
    `payer in the escrow: ${money(payerBefore)} before, ${money(payerAfter)} after`,
  ].join('\n');
}

/** An amount as people read it. */
type Money = (amount: bigint) => string;
