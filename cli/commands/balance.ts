import { toHex } from '#core/hex.js';
import { type AddCommand, action, example } from '../command.js';
import { table } from '../output/table.js';
import { openWallet } from '../wallet.js';

export const addBalance: AddCommand = (program) =>
  program
    .command('balance')
    .description('Show what the payer owns: free in the escrow, in channels, in jobs, in the token itself')
    .addHelpText('after', example('npx weft balance'))
    .action(
      action(async (context) => {
        const { payer, chainId, escrow, token, free, inChannels, inJobs, inToken } = await (
          await openWallet(context)
        ).account();
        const total = free + inChannels;
        const rows = [
          ['free in the escrow', String(free)],
          ['in channels', String(inChannels)],
          ['together', String(total)],
          ['in jobs', String(inJobs)],
          ['in the token itself', String(inToken)],
        ];
        return {
          json: { payer, chainId, escrow, token, free, inChannels, total, inJobs, inToken },
          text: `payer  ${toHex(payer)}\ntoken  ${toHex(token)}, amounts in its minor units\n\n${table([{ title: 'WHERE' }, { title: 'AMOUNT', align: 'right' }], rows)}`,
        };
      }),
    );
