import { type AddCommand, example } from '../command.js';
import { addHandingOver } from '../licence/hand-over.js';
import { addHolding } from '../licence/hold.js';
import { addSelling } from '../licence/sell.js';

/** `weft licence offer`, `offers`, `buy`, `show`, `renew`, `refund`, `transfer`, `signer`, `seal`, `revoke`. */
export const addLicence: AddCommand = (program) => {
  const licence = program
    .command('licence')
    .description('Sell, buy, pass on and use up the right to call a service: by time, by number of calls, or for good')
    .addHelpText(
      'after',
      example(
        'npx weft licence offers OcrService',
        'npx weft licence buy 0x81c2…',
        `npx weft call OcrService Recognize --field image=@examples/scan.png --licence 0x5c1d…`,
      ),
    );
  addSelling(licence);
  addHolding(licence);
  addHandingOver(licence);
};
