import { z } from 'zod';
import { readMarketplace } from '#client/marketplace.js';
import { toHex } from '#core/hex.js';
import { chainSafety, chainSettings } from '#platform/chain-settings.js';
import { loadConfig } from '#platform/config.js';
import { readSecret } from '#platform/secrets.js';
import { type AddCommand, action, example } from '../command.js';
import { table } from '../output/table.js';
import { shortHex } from '../output/units.js';
import { databaseUrlFile } from '../up/database-url.js';

export const addClaim: AddCommand = (program) =>
  program
    .command('claim')
    .description('Claim on chain, now, what the services of this marketplace have earned')
    .addHelpText('after', example('npx weft claim'))
    .action(
      action(async (context) => {
        const { Provider } = await import('#services/models/provider/provider.js');
        const provider = context.closeLater(
          await Provider.open({
            home: context.home,
            marketplace: await readMarketplace(context.home),
            databaseUrl: readSecret(databaseUrlFile(context.home)),
            safety: chainSafety(loadConfig(z.object(chainSettings))),
            onError: (error) => context.progress(`claiming met a problem: ${(error as Error).message}`),
          }),
        );
        const claims = await provider.claimNow();
        const rows = claims.map(({ asset, channel, amount, transaction }) => [
          String(asset),
          shortHex(toHex(channel)),
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
