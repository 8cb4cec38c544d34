import { toHex } from '#core/hex.js';
import { type AddCommand, action, example } from '../command.js';
import { table } from '../output/table.js';
import { shortHex } from '../output/units.js';
import { openProvider } from '../provider.js';

export const addClaim: AddCommand = (program) =>
  program
    .command('claim')
    .description('Claim on chain, now, what the services of this marketplace have earned')
    .addHelpText('after', example('npx weft claim'))
    .action(
      action(async (context) => {
        const provider = context.closeLater(await openProvider(context));
        const claims = await provider.claimNow();
        const rows = claims.map(({ asset, channel, amount, transaction }) => [
          String(asset),
          channel === undefined ? 'licences' : shortHex(toHex(channel)),
          String(amount),
          transaction,
        ]);
        const columns = [
          { title: 'ASSET', align: 'right' as const },
          { title: 'CHANNEL' },
          { title: 'CLAIMED', align: 'right' as const },
          { title: 'TRANSACTION', maxWidth: 66 },
        ];
        return { json: { claims }, text: rows.length === 0 ? 'nothing to claim' : table(columns, rows) };
      }),
    );
