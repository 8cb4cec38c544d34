import { type AddCommand, action, example } from '../command.js';
import type { DeployCommandOptions } from '../deploy/deploy-command.js';

export const addDeploy: AddCommand = (program) =>
  program
    .command('deploy')
    .option('--rpc <url>', 'JSON-RPC of the chain (default: WEFT_RPC_URL)')
    .option('--chain-id <id>', 'refuse every other chain')
    .option(
      '--keystore <file>',
      'encrypted key that deploys; its password is asked for, or in WEFT_DEPLOYER_PASSWORD_FILE',
    )
    .option('--token <address>', 'the ERC-20 that services are paid with')
    .option('--test-token', 'deploy a token worth nothing, also where money is real')
    .option(
      '--window <seconds>',
      'how long after its expiry a channel can be claimed; 1 hour to 7 days (default: 3600)',
    )
    .option('--out <file>', 'the file of addresses (default: contracts.json in the home)')
    .option('-y, --yes', 'do not ask before money is spent')
    .description('Deploy the contracts to a chain, once; goes on where it was interrupted')
    .addHelpText(
      'after',
      example(
        'npx weft deploy --rpc http://127.0.0.1:8545 --yes',
        'npx weft deploy --rpc https://rpc.example.org --keystore deployer.json --token 0x036CbD53842c5426634e7929541eC2318f3dCF7e',
      ),
    )
    .action(
      action<DeployCommandOptions>(async (context, options) => {
        const { deployCommand } = await import('../deploy/deploy-command.js');
        return deployCommand(context, options);
      }),
    );
