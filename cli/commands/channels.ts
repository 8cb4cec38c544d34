import { toHex } from '#core/hex.js';
import { type AddCommand, action, example } from '../command.js';
import { table } from '../output/table.js';
import { localTime, shortHex } from '../output/units.js';
import { openWallet } from '../wallet.js';

const right = (title: string) => ({ title, align: 'right' as const });

export const addChannels: AddCommand = (program) =>
  program
    .command('channels')
    .description('List the channels that the payer has opened, and what is in them')
    .addHelpText('after', example('npx weft channels'))
    .action(
      action(async (context) => {
        const channels = await (await openWallet(context)).channels();
        const rows = channels.map((channel) => [
          shortHex(toHex(channel.channelId)),
          String(channel.terms.asset),
          String(channel.terms.tenure),
          String(channel.deposited),
          String(channel.signed),
          String(channel.reserved),
          String(channel.settled),
          String(channel.claimed),
          channel.open ? localTime(channel.expiresAtSec) : 'closed',
        ]);
        const columns = [
          { title: 'CHANNEL' },
          ...['ASSET', 'TENURE', 'DEPOSITED', 'SIGNED', 'RESERVED', 'SPENT', 'CLAIMED'].map(right),
          { title: 'EXPIRES' },
        ];
        return { json: { channels }, text: rows.length === 0 ? 'no channels yet' : table(columns, rows) };
      }),
    );
