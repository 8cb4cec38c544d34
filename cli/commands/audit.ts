import { z } from 'zod';
import { type AuditedAsset, audit, type Difference } from '#client/audit/audit.js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import { type Earnings, readEarnings } from '#payments/provider/earnings.js';
import { chainSafety, chainSettings } from '#platform/chain-settings.js';
import { loadConfig } from '#platform/config.js';
import { createPool } from '#platform/db/pool.js';
import { readSecret } from '#platform/secrets.js';
import { type AddCommand, action, example } from '../command.js';
import { openEconomy } from '../economy.js';
import { parseAsset } from '../input/values.js';
import { type Column, table } from '../output/table.js';
import { shortHex } from '../output/units.js';
import { databaseUrlFile } from '../up/database-url.js';
import { Home } from '../up/home.js';

export const addAudit: AddCommand = (program) =>
  program
    .command('audit')
    .argument('[asset]', 'the id of one asset; without it, all of them')
    .description(
      'Rebuild from the chain what assets earned and where it went, and compare it with contracts and ledger',
    )
    .addHelpText('after', example('npx weft audit', 'npx weft audit 3 --json'))
    .action(
      action(async (context, _: object, wanted: string | undefined) => {
        const only = wanted === undefined ? undefined : parseAsset(wanted);
        const { provider, contracts } = await openEconomy(context);
        context.progress('reading the events of the contracts');
        const ledger = await ledgerAt(context.home);
        const { confirmations: depth } = chainSafety(loadConfig(z.object(chainSettings)));
        const indexFile = new Home(context.home).file('index', 'events.jsonl');
        const found = await audit({ provider, contracts, ledger, indexFile, depth });
        const assets = found.assets.filter(({ asset }) => only === undefined || asset === only);
        if (only !== undefined && assets.length === 0)
          throw new WeftError('NOT_FOUND', `there is no asset ${only}`, { field: 'asset' });
        return { json: { ...found, assets }, text: textOf(assets, found.differences) };
      }),
    );

/** Of the services that this marketplace sells. */
async function ledgerAt(home: string): Promise<Earnings[]> {
  const pool = createPool(readSecret(databaseUrlFile(home)), { name: 'weft audit', max: 1 });
  try {
    return await readEarnings(pool);
  } finally {
    await pool.end();
  }
}

const columns: Column[] = [
  { title: 'ASSET', align: 'right' },
  { title: 'OWNER' },
  { title: 'EARNED', align: 'right' },
  { title: 'ROYALTIES IN', align: 'right' },
  { title: 'ROYALTIES OUT', align: 'right' },
  { title: 'FEE', align: 'right' },
  { title: 'RELEASED', align: 'right' },
  { title: 'WAITING', align: 'right' },
];

function textOf(assets: readonly AuditedAsset[], differences: readonly Difference[]): string {
  const rows = assets.map((each) => [
    String(each.asset),
    shortHex(toHex(each.owner)),
    ...[each.earned, each.royaltiesIn, each.royaltiesOut, each.fee, each.released, each.waiting].map(String),
  ]);
  const verdict =
    differences.length === 0
      ? 'balanced: events, contracts and ledger agree to the last unit'
      : [
          'NOT balanced:',
          ...differences.map(
            ({ where, what, expected, found }) => `  ${where}: ${what} should be ${expected} and is ${found}`,
          ),
        ].join('\n');
  return `${table(columns, rows)}\n\n${verdict}`;
}
