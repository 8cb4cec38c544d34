import { toHex } from '#core/hex.js';
import type { Release } from '#payments/provider/release-up.js';
import { type AddCommand, action, example } from '../command.js';
import { type Column, table } from '../output/table.js';
import { shortHex } from '../output/units.js';
import { openProvider } from '../provider.js';

export const addRelease: AddCommand = (program) =>
  program
    .command('release')
    .description('Credit owners, now, with what their assets have earned, and the makers of what those were built from')
    .addHelpText('after', example('npx weft release'))
    .action(
      action(async (context) => {
        const releases = await context.closeLater(await openProvider(context)).releaseNow();
        return { json: { releases }, text: releasesText(releases) || 'nothing to release' };
      }),
    );

const columns: Column[] = [
  { title: 'ASSET', align: 'right' },
  { title: 'OWNER' },
  { title: 'FROM CALLS', align: 'right' },
  { title: 'FROM CHILDREN', align: 'right' },
  { title: 'TO ITS OWNER', align: 'right' },
  { title: 'TO ITS PARENTS', align: 'right' },
  { title: 'TRANSACTION', maxWidth: 66 },
];

/** One row for each release, amounts in minor units unless `format` says otherwise; empty if there is none. */
export function releasesText(releases: readonly Release[], format: (amount: bigint) => string = String): string {
  if (releases.length === 0) return '';
  const rows = releases.map(({ asset, owner, earned, royalties, amount, transaction }) => [
    String(asset),
    shortHex(toHex(owner)),
    ...[earned, royalties, amount, earned + royalties - amount].map(format),
    transaction,
  ]);
  return table(columns, rows);
}
