import { formatUnits } from 'ethers';
import { type AssetDay, assetStatement } from '#client/statement/asset-statement.js';
import { Assets } from '#contracts/assets.js';
import { Revenue } from '#contracts/revenue.js';
import { Token } from '#contracts/token.js';
import { WeftError } from '#core/errors.js';
import { dayText, parseDay } from '#core/utc-day.js';
import { readUsage } from '#payments/provider/read-usage.js';
import type { Days } from '#payments/usage.js';
import { createPool } from '#platform/db/pool.js';
import { readSecret } from '#platform/secrets.js';
import { openChain } from '../chain.js';
import { type AddCommand, type Answer, action, type Context, example } from '../command.js';
import { csv } from '../output/csv.js';
import { table } from '../output/table.js';
import { tokenUnit } from '../output/token-unit.js';
import { databaseUrlFile } from '../up/database-url.js';
import { openWallet } from '../wallet.js';

interface StatementOptions {
  readonly asset?: string;
  readonly payer?: boolean;
  readonly from?: string;
  readonly to?: string;
  readonly csv?: boolean;
}

export const addStatement: AddCommand = (program) =>
  program
    .command('statement')
    .option('--asset <id>', 'what an asset of this marketplace served, and its royalties')
    .option('--payer', 'what the payer spent, by asset')
    .option('--from <day>', 'first day, in UTC, as in 2026-11-28 (default: the beginning)')
    .option('--to <day>', 'last day (default: today)')
    .option('--csv', 'comma-separated values, for spreadsheets')
    .description('Add up by day what was served and paid')
    .addHelpText(
      'after',
      example('npx weft statement --asset 3', 'npx weft statement --payer --from 2026-11-01 --to 2026-11-30 --csv'),
    )
    .action(
      action(async (context, options: StatementOptions) => {
        if ((options.asset === undefined) === (options.payer !== true))
          throw new WeftError('INVALID_INPUT', 'say whose statement: either --asset ID or --payer', {
            field: '--asset',
          });
        if (options.csv && context.asJson)
          throw new WeftError('INVALID_INPUT', 'say either --csv or --json', { field: '--csv' });
        const days = daysOf(options);
        return options.asset === undefined
          ? await ofPayer(context, options, days)
          : await ofAsset(context, options, days, assetOf(options.asset));
      }),
    );

const LAST_DAY = 2 ** 32 - 1;

function daysOf({ from, to }: StatementOptions): Days {
  const fromDay = from === undefined ? 0 : parseDay(from, '--from');
  // The chain's clock, by which receipts are dated, may be ahead of ours.
  const toDay = to === undefined ? LAST_DAY : parseDay(to, '--to');
  if (fromDay > toDay || fromDay < 0)
    throw new WeftError('INVALID_INPUT', '--from must not be after --to, nor before 1970', { field: '--from' });
  return { fromDay, toDay };
}

function assetOf(text: string): bigint {
  if (!/^[1-9]\d{0,18}$/.test(text))
    throw new WeftError('INVALID_INPUT', `${text} is not the id of an asset: a whole number from 1 on`, {
      field: '--asset',
    });
  return BigInt(text);
}

async function ofPayer(context: Context, options: StatementOptions, days: Days): Promise<Answer> {
  const wallet = await openWallet(context);
  const { payer } = await wallet.account();
  const usage = await wallet.usage(days);
  return await answer(await openChain(context), options, { payer }, usage, ['calls', 'units', 'amount']);
}

async function ofAsset(context: Context, options: StatementOptions, days: Days, asset: bigint): Promise<Answer> {
  const chain = await openChain(context);
  const { provider, contracts } = chain;
  if (asset > (await new Assets(contracts.assets, provider).count()))
    throw new WeftError('NOT_FOUND', `there is no asset ${asset}`, { field: '--asset' });
  const pool = createPool(readSecret(databaseUrlFile(context.home)), { name: 'weft statement', max: 1 });
  const usage = await readUsage(pool, asset, days).finally(() => pool.end());
  const events = await new Revenue(contracts.revenue, provider).events(contracts.blockNumber, 'latest');
  const times = new Map<number, Promise<number>>();
  const timeOf = (block: number): Promise<number> => {
    const time = times.get(block) ?? provider.getBlock(block).then((found) => found!.timestamp);
    times.set(block, time);
    return time;
  };
  const rows = await assetStatement(asset, days, usage, events, timeOf);
  const sums = ['calls', 'units', 'amount', 'royaltiesIn', 'royaltiesOut'] as const;
  return await answer(chain, options, { asset }, rows, sums);
}

type Sum = keyof Omit<AssetDay, 'day' | 'asset'>;
const titles: Record<Sum, string> = {
  calls: 'CALLS',
  units: 'UNITS',
  amount: 'AMOUNT',
  royaltiesIn: 'ROYALTIES IN',
  royaltiesOut: 'ROYALTIES OUT',
};
const money: ReadonlySet<Sum> = new Set(['amount', 'royaltiesIn', 'royaltiesOut']);

async function answer<S extends Sum>(
  { provider, contracts }: Awaited<ReturnType<typeof openChain>>,
  options: StatementOptions,
  whose: { readonly asset: bigint } | { readonly payer: Uint8Array },
  rows: readonly ({ readonly day: number; readonly asset: bigint } & Readonly<Record<S, bigint>>)[],
  sums: readonly S[],
): Promise<Answer> {
  const { symbol, decimals } = await tokenUnit(new Token(contracts.token, provider));
  const inToken = (amount: bigint) => formatUnits(amount, decimals);
  const totals = Object.fromEntries(sums.map((sum) => [sum, rows.reduce((all, row) => all + row[sum], 0n)])) as Record<
    S,
    bigint
  >;
  const json = {
    ...whose,
    token: { address: contracts.token, symbol, decimals },
    days: rows.map((row) => ({ ...row, day: dayText(row.day) })),
    total: totals,
  };
  if (options.csv) {
    const inTokens = sums.filter((sum) => money.has(sum));
    const head = ['day', 'asset', ...sums, ...inTokens.map((sum) => `${sum}InToken`), 'token'];
    const lines = rows.map((row) => [
      dayText(row.day),
      String(row.asset),
      ...sums.map((sum) => String(row[sum])),
      ...inTokens.map((sum) => inToken(row[sum])),
      symbol,
    ]);
    return { json, text: csv([head, ...lines]) };
  }
  const cells = (of: Readonly<Record<S, bigint>>) =>
    sums.map((sum) => (money.has(sum) ? `${inToken(of[sum])} ${symbol}` : String(of[sum])));
  const right = (title: string) => ({ title, align: 'right' as const });
  const columns = [{ title: 'DAY' }, ...['ASSET', ...sums.map((sum) => titles[sum])].map(right)];
  const lines = rows.map((row) => [dayText(row.day), String(row.asset), ...cells(row)]);
  return {
    json,
    text: rows.length === 0 ? 'nothing in these days' : table(columns, [...lines, ['total', '', ...cells(totals)]]),
  };
}
