import { fromHex, toHex } from '#core/hex.js';
import { formatAmount, parseAmount } from '#core/money.js';
import { plainLine } from '#core/plain-text.js';
import type { RunSummary, RunView } from '#services/gateway/runs/run-views.js';
import { type AddCommand, type Answer, action, type Context, example } from '../command.js';
import type { GatewayClient } from '../gateway/gateway-client.js';
import { openGateway } from '../gateway/open-gateway.js';
import { runFailure } from '../gateway/run-failure.js';
import { watchRun } from '../gateway/watch-run.js';
import { collect } from '../input/collect.js';
import { messageJson } from '../input/message-json.js';
import { collectPair, type Pair } from '../input/pairs.js';
import { outputText } from '../output/output-text.js';
import { stepHeader, stepRow } from '../output/step-rows.js';

interface RunOptions {
  readonly input?: readonly Pair[];
  readonly maxTotal?: string;
  readonly licence?: readonly string[];
}

/** `weft run PIPELINE`, `weft run show ID`, `weft run cancel ID`. */
export const addRun: AddCommand = (program) => {
  const run = program
    .command('run')
    .argument('<pipeline>', 'its name')
    .option('-i, --input <name=value>', 'an input: text, or @file (repeatable)', collectPair)
    .option('--max-total <amount>', 'the most that the run may cost, in minor units (default: what it is quoted)')
    .option(
      '--licence <id>',
      'a licence of the wallet (see `weft licence show`): the steps that it is for cost nothing (repeatable)',
      collect,
    )
    .description('Run a pipeline and watch its steps')
    .addHelpText(
      'after',
      example(
        'npx weft run intake --input image=@examples/scan.png',
        'npx weft run intake --input image=@examples/scan.png --licence 0x5c1d…',
        'npx weft run show local.4f1c…',
        'npx weft run cancel local.4f1c…',
      ),
    )
    .action(action(start));
  run
    .command('show')
    .argument('<id>', 'the run')
    .description('Show a run: its steps, receipts, cost and output')
    .addHelpText('after', example('npx weft run show local.4f1c…'))
    .action(
      action(async (context, _options, id: string) => {
        const gateway = await openGateway(context);
        const view = await gateway.get<RunView>(`/v1/runs/${encodeURIComponent(id)}`);
        const { earlier, steps } = view;
        const before = earlier === undefined ? [] : [`… ${earlier.steps} earlier steps, ${earlier.paid} paid`];
        const text = [stepHeader, ...before, ...steps.map(stepRow), '', summaryText(view)].join('\n');
        return { json: view, text };
      }),
    );
  run
    .command('cancel')
    .argument('<id>', 'the run')
    .description('Cancel a run; what was served stays paid')
    .addHelpText('after', example('npx weft run cancel local.4f1c…'))
    .action(
      action(async (context, _options, id: string) => {
        const gateway = await openGateway(context);
        const json = await gateway.delete(`/v1/runs/${encodeURIComponent(id)}`);
        return { json, text: `asked ${id} to stop` };
      }),
    );
};

async function start(context: Context, options: RunOptions, pipeline: string): Promise<Answer> {
  const gateway = await openGateway(context);
  const { input: schema } = await gateway.get<{ input: object }>(`/v1/pipelines/${encodeURIComponent(pipeline)}`);
  const input = await messageJson('{}', options.input ?? [], schema);
  const licences = (options.licence ?? []).map((id) => toHex(fromHex(id, '--licence', 32)));
  const named = licences.length === 0 ? {} : { licences };
  const maxTotal = await limit(gateway, { pipeline, ...named }, options.maxTotal);
  context.progress(`the run may cost at most ${maxTotal}`);

  const begun = await gateway.post<RunSummary>('/v1/runs', { pipeline, input, maxTotal, ...named });
  context.progress(`run ${begun.runId}`);
  context.print(stepHeader);
  const view = await watchRun(gateway, begun.runId, (step) => context.print(stepRow(step)));
  const failure = runFailure(view);
  if (failure !== undefined) throw failure;
  return { json: view, text: `\n${summaryText(view)}` };
}

/** Without a limit of the user's the quote is one: prices may not move between the two. */
async function limit(
  gateway: GatewayClient,
  wanted: { readonly pipeline: string; readonly licences?: readonly string[] },
  given: string | undefined,
): Promise<string> {
  if (given !== undefined) return formatAmount(parseAmount(given, '--max-total'));
  const quote = await gateway.post<{ maxTotal: string }>('/v1/quotes', wanted);
  return quote.maxTotal;
}

function summaryText(view: RunView): string {
  const lines = [
    `${view.runId}  ${view.pipeline}  ${view.status}`,
    `paid ${view.paid} of at most ${view.quote ?? '?'}`,
  ];
  if (view.error !== undefined) lines.push(plainLine(`${view.error.reason}: ${view.error.message}`, 1_000));
  if (view.output !== undefined) lines.push('', outputText(view.output));
  return lines.join('\n');
}
