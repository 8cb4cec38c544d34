import { readFile } from 'node:fs/promises';
import { type Credit, creditsOf } from '#client/receipt/credits.js';
import { readFacts } from '#client/receipt/read-facts.js';
import { type ReceiptFile, readReceiptFile } from '#client/receipt/receipt-file.js';
import { type VerifiedReceipt, verifyReceipt } from '#client/receipt/verify-receipt.js';
import { Revenue } from '#contracts/revenue.js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import { type ChainOptions, openChain } from '../chain.js';
import { type AddCommand, type Answer, action, type Context, example } from '../command.js';
import { receiptLines, utcTime } from '../output/receipt-lines.js';
import { type Column, table } from '../output/table.js';

export const addVerify: AddCommand = (program) =>
  program
    .command('verify')
    .argument('<file>', 'as `weft receipt --save` writes it')
    .option('--rpc-url <url>', 'of a node of the chain (default: the marketplace’s)')
    .option(
      '--contracts <file>',
      'where the contracts stand, as npm start writes it (default: WEFT_CONTRACTS_FILE, or contracts.json of the home)',
    )
    .option('--offline', 'believe what the file says of the chain, and tell what was not checked')
    .description('Check that an asset served a call for an amount, and who was credited for it')
    .addHelpText('after', example('npx weft verify receipt.json', 'npx weft verify receipt.json --offline'))
    .action(action(verify));

interface VerifyOptions extends ChainOptions {
  readonly offline?: boolean;
}

async function verify(context: Context, options: VerifyOptions, path: string): Promise<Answer> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new WeftError('INVALID_INPUT', `${path} cannot be read`, { field: 'file' }, { cause });
  });
  const file = readReceiptFile(text);
  const found = options.offline ? verifyOffline(file) : await verifyOnChain(context, options, file);
  const { receipt } = file;
  const { signer, anchored } = found.verified;
  const json = {
    verified: true,
    callId: receipt.callId,
    asset: receipt.asset,
    tenure: receipt.tenure,
    method: file.call?.method ?? null,
    listing: file.call?.listing ?? null,
    responseDigest: receipt.responseDigest,
    units: receipt.units,
    amount: receipt.amount,
    outcome: receipt.outcome,
    servedAtSec: receipt.servedAtSec,
    signer,
    anchored: anchored ?? null,
    released: found.released,
    credits: found.credits,
    notChecked: found.notChecked,
  };
  return { json, text: textOf(file, found) };
}

interface Found {
  readonly verified: VerifiedReceipt;
  /** Whether the asset's tenure has released anything yet; null: not looked at. */
  readonly released: boolean | null;
  readonly credits: readonly Credit[];
  readonly notChecked: readonly string[];
}

function verifyOffline(file: ReceiptFile): Found {
  const { asset } = file.receipt;
  return {
    verified: verifyReceipt(file, file.facts),
    released: null,
    credits: creditsOf(file.receipt, file.facts.lineage),
    notChecked: [
      `that the marketplace’s contracts on chain ${file.chainId} are the file’s: escrow ${file.contracts.escrow}, anchor ${file.contracts.anchor}`,
      `that ${toHex(file.signer)} was an operator of asset ${asset} then`,
      ...(file.facts.epoch
        ? [`that epoch ${file.proof?.epoch} has the root ${toHex(file.facts.epoch.root)} on chain`]
        : []),
      `what asset ${asset} was built from, and what was credited for it`,
    ],
  };
}

async function verifyOnChain(context: Context, options: ChainOptions, file: ReceiptFile): Promise<Found> {
  const { provider, contracts } = await openChain(context, options);
  checkContracts(file, contracts);
  const { asset, tenure } = file.receipt;
  const of = { asset, tenure, signer: file.signer, epoch: file.proof?.epoch };
  const facts = await readFacts({ provider, contracts }, of);
  const verified = verifyReceipt(file, facts);
  const events = await new Revenue(contracts.revenue, provider).events(contracts.blockNumber, 'latest');
  return {
    verified,
    released: events.some((event) => event.name === 'Released' && event.asset === asset && event.tenure === tenure),
    credits: creditsOf(file.receipt, facts.lineage, events),
    notChecked: [],
  };
}

function checkContracts(
  file: ReceiptFile,
  contracts: { readonly chainId: bigint; readonly escrow: string; readonly assets: string; readonly anchor: string },
): void {
  if (file.chainId !== contracts.chainId)
    throw new WeftError(
      'RECEIPT_INVALID',
      `chainId: the receipt is of chain ${file.chainId}, this marketplace is on ${contracts.chainId}`,
      {
        field: 'chainId',
      },
    );
  for (const name of ['escrow', 'assets', 'anchor'] as const)
    if (file.contracts[name] !== contracts[name])
      throw new WeftError(
        'RECEIPT_INVALID',
        `contracts.${name}: the receipt names ${file.contracts[name]}, this marketplace’s is ${contracts[name]}`,
        { field: `contracts.${name}` },
      );
}

const columns: Column[] = [
  { title: 'ASSET', align: 'right' },
  { title: 'GIVES TO', align: 'right' },
  { title: 'PART', align: 'right' },
  { title: 'OF THIS CALL', align: 'right' },
  { title: 'CREDITED SO FAR', align: 'right' },
];

function textOf(file: ReceiptFile, { verified, released, credits, notChecked }: Found): string {
  const { anchored } = verified;
  const lines = receiptLines(file);
  if (anchored !== undefined)
    lines.push(`root       ${toHex(anchored.root)}, since ${utcTime(anchored.anchoredAtSec)}`);
  if (credits.length > 0) {
    const rows = credits.map(({ asset, parent, bps, share, credited }) => [
      String(asset),
      String(parent),
      `${bps / 100} %`,
      String(share),
      released === null ? '' : String(credited),
    ]);
    lines.push('', table(columns, rows));
    if (released === false)
      lines.push(`Nothing of asset ${file.receipt.asset} is released yet: \`weft release\` credits it.`);
  }
  lines.push('');
  if (anchored === undefined) lines.push('It is in no epoch: its operator alone stands by it, until it is anchored.');
  for (const what of notChecked) lines.push(`not checked: ${what}`);
  lines.push(notChecked.length === 0 ? 'verified' : 'verified, as far as the file itself goes');
  return lines.join('\n');
}
