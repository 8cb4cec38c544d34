import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { collectReceipt } from '#client/receipt/collect-receipt.js';
import { type ReceiptFile, receiptFileJson } from '#client/receipt/receipt-file.js';
import { WeftError } from '#core/errors.js';
import { fromHex, toHex } from '#core/hex.js';
import type { RunView } from '#services/gateway/runs/run-views.js';
import { openChain } from '../chain.js';
import { type AddCommand, type Answer, action, type Context, example } from '../command.js';
import { openGateway } from '../gateway/open-gateway.js';
import { receiptLines } from '../output/receipt-lines.js';
import { toJson } from '../output/to-json.js';
import { openWallet } from '../wallet.js';

interface ReceiptOptions {
  readonly save?: string;
}

export const addReceipt: AddCommand = (program) =>
  program
    .command('receipt')
    .argument('<call>', 'the id of a call (0x…), or of a run')
    .argument('[step]', 'of the run; without it, all of them')
    .option(
      '--save <path>',
      'write it to a file that `weft verify` reads; several go into a folder, each named by its call',
    )
    .description('Show the receipt of a call, with the proof of where it is anchored')
    .addHelpText(
      'after',
      example(
        'npx weft receipt local.4f1c… ocr.recognize --save receipt.json',
        'npx weft receipt local.4f1c… --save receipts',
      ),
    )
    .action(action(show));

async function show(context: Context, { save }: ReceiptOptions, of: string, step?: string): Promise<Answer> {
  const ids = of.startsWith('0x') ? [callIdOf(of, step)] : await callIdsOf(context, of, step);
  const wallet = await openWallet(context);
  const chain = await openChain(context);
  const files: ReceiptFile[] = [];
  const texts: string[] = [];
  for (const id of ids) {
    const { file, unproven } = await collectReceipt(wallet, chain, id);
    files.push(file);
    texts.push([...receiptLines(file), ...(unproven === undefined ? [] : [`no proof   ${unproven}`])].join('\n'));
    if (unproven !== undefined) context.progress(`${toHex(id)}: ${unproven}`);
  }
  if (save !== undefined) await write(context, save, files);
  const [only, ...others] = files.map(receiptFileJson);
  return { json: others.length === 0 ? only : { receipts: [only, ...others] }, text: texts.join('\n\n') };
}

function callIdOf(text: string, step: string | undefined): Uint8Array {
  if (step !== undefined)
    throw new WeftError('INVALID_INPUT', 'a call’s id says it all: a step is named of a run', { field: 'step' });
  return fromHex(text, 'call', 32);
}

async function callIdsOf(context: Context, run: string, step: string | undefined): Promise<Uint8Array[]> {
  const gateway = await openGateway(context);
  const { steps } = await gateway.get<RunView>(`/v1/runs/${encodeURIComponent(run)}`);
  const named = steps.filter((each) => step === undefined || each.step === step);
  if (named.length === 0)
    throw new WeftError(
      'NOT_FOUND',
      `the run has no such step; it has ${[...new Set(steps.map((each) => each.step))].join(', ')}`,
      {
        field: 'step',
      },
    );
  const ids = named.flatMap(({ receipt }) => (receipt === null ? [] : [fromHex(receipt.callId, 'callId', 32)]));
  if (ids.length === 0) throw new WeftError('NOT_FOUND', 'nothing was paid for there yet, so there is no receipt');
  return ids;
}

async function write(context: Context, path: string, files: readonly ReceiptFile[]): Promise<void> {
  const put = async (name: string, file: ReceiptFile) => {
    await writeFile(name, `${toJson(receiptFileJson(file))}\n`);
    context.progress(`wrote ${name}`);
  };
  const [first, ...others] = files;
  if (others.length === 0) return await put(path, first!);
  await mkdir(path, { recursive: true });
  for (const file of files) await put(join(path, `${toHex(file.receipt.callId)}.json`), file);
}
