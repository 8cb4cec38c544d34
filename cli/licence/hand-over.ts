import type { Command } from 'commander';
import { fromHex, toHex } from '#core/hex.js';
import { action, type Context, example } from '../command.js';
import { addressOf } from '../keys.js';
import { openWallet } from '../wallet.js';
import { countedLicence } from './licence-of.js';

const LICENCE = 'its id, 0x…';

/** How a licence changes hands: `seal`, `transfer`, and `signer` for who got it. */
export function addHandingOver(licence: Command): void {
  licence
    .command('transfer')
    .argument('<licence>', LICENCE)
    .argument('<to>', 'an address, or the name of a key of this home')
    .description(
      'Pass a licence on, if its seller allows that; a pass is sealed first, and keeps the calls that are left',
    )
    .addHelpText('after', example('npx weft licence transfer 0x5c1d… 0x70997970C51812dc3A010C7d01b50e0d17dc79C8'))
    .action(
      action(async (context: Context, _options, id: string, who: string) => {
        const to = addressOf(context.home, who, 'to');
        const { licenceId, endpoints } = await countedLicence(context, id);
        const wallet = await openWallet(context);
        const { transaction } = await wallet.transferLicence(licenceId, fromHex(to, 'to', 20), endpoints);
        const text = [
          `licence      ${toHex(licenceId)}`,
          `holder       ${to}, who uses it after \`weft licence signer ${id}\``,
          `transaction  ${transaction}`,
        ];
        return { json: { licenceId, to, transaction }, text: text.join('\n') };
      }),
    );
  licence
    .command('signer')
    .argument('<licence>', LICENCE)
    .argument('[key]', 'address of the key (default: one of the wallet’s own)')
    .description('Name the key that signs calls with a licence of yours, and so take one into use that you were given')
    .addHelpText('after', example('npx weft licence signer 0x5c1d…'))
    .action(
      action(async (context: Context, _options, id: string, key: string | undefined) => {
        const wanted = key === undefined ? undefined : fromHex(addressOf(context.home, key, 'key'), 'key', 20);
        const { licenceId, endpoints } = await countedLicence(context, id);
        const named = await (await openWallet(context)).setLicenceSigner(licenceId, wanted, endpoints);
        const { signer, transaction } = named;
        const text = `signer       ${toHex(signer)}\ntransaction  ${transaction ?? 'none: it was named already'}`;
        return { json: { licenceId, signer, transaction: transaction ?? null }, text };
      }),
    );
  licence
    .command('seal')
    .argument('<licence>', `a pass: ${LICENCE}`)
    .description(
      'Have a pass counted by its provider: it takes no calls until a signer is named, and tells what is left',
    )
    .addHelpText('after', example('npx weft licence seal 0x5c1d…'))
    .action(
      action(async (context: Context, _options, id: string) => {
        const { licenceId, endpoints, callsLeft = 0n, uses: before } = await countedLicence(context, id);
        const { uses, transaction } = await (await openWallet(context)).sealLicence(licenceId, endpoints);
        const left = before + callsLeft - uses;
        const text = `used         ${uses}\nleft         ${left}\ntransaction  ${transaction ?? 'none: it was sealed already'}`;
        return { json: { licenceId, uses, callsLeft: left, transaction: transaction ?? null }, text };
      }),
    );
}
