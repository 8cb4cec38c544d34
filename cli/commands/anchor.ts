import { toHex } from '#core/hex.js';
import { type AddCommand, action, example } from '../command.js';
import { table } from '../output/table.js';
import { openProvider } from '../provider.js';

export const addAnchor: AddCommand = (program) =>
  program
    .command('anchor')
    .description('Write on chain, now, the root of all receipts that the services of this marketplace have given since')
    .addHelpText('after', example('npx weft anchor'))
    .action(
      action(async (context) => {
        const epochs = await context.closeLater(await openProvider(context)).anchorNow();
        const rows = epochs.map(({ asset, epoch, receipts, amount, root }) =>
          [asset, epoch, receipts, amount].map(String).concat(toHex(root)),
        );
        const right = (title: string) => ({ title, align: 'right' as const });
        const columns = [...['ASSET', 'EPOCH', 'RECEIPTS', 'AMOUNT'].map(right), { title: 'ROOT', maxWidth: 66 }];
        return { json: { epochs }, text: rows.length === 0 ? 'nothing to anchor' : table(columns, rows) };
      }),
    );
