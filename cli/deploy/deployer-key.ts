import { Wallet } from 'ethers';
import { z } from 'zod';
import { isLocalChain } from '#contracts/deploy.js';
import { WeftError } from '#core/errors.js';
import { loadConfig } from '#platform/config.js';
import { openKeystore } from '#platform/keystore.js';
import { readSecret } from '#platform/secrets.js';
import { ask, canAsk } from '../input/ask.js';
import { devKey } from '../up/dev-account.js';

const schema = z.object({
  WEFT_DEPLOYER_KEY: z
    .string()
    .regex(/^(0x)?[0-9a-fA-F]{64}$/, 'must be 64 hexadecimal digits')
    .optional()
    .describe('the private key that deploys'),
  WEFT_DEPLOYER_PASSWORD_FILE: z.string().optional().describe('holds the password of the keystore that deploys'),
});

/**
 * The private key that deploys: of the keystore if one is named, else of the environment, else, on a local chain alone,
 * of anvil's first account. Errors: CONFIG_INVALID, which says where a key may come from and shows none.
 */
export async function deployerKey(
  keystore: string | undefined,
  chainId: bigint,
  onProgress: (line: string) => void,
): Promise<string> {
  const { WEFT_DEPLOYER_KEY: key, WEFT_DEPLOYER_PASSWORD_FILE: passwordFile } = loadConfig(schema);
  if (keystore !== undefined)
    return (
      await openKeystore(keystore, async () => {
        const password = await passwordOf(keystore, passwordFile);
        // Keystores are made to take seconds.
        onProgress(`opening    ${keystore}`);
        return password;
      })
    ).privateKey;
  if (key !== undefined) return new Wallet(key).privateKey;
  if (isLocalChain(chainId)) return devKey();
  throw new WeftError(
    'CONFIG_INVALID',
    `no key to deploy with on chain ${chainId}: name an encrypted keystore with --keystore FILE, or set WEFT_DEPLOYER_KEY`,
    { field: '--keystore' },
  );
}

async function passwordOf(keystore: string, file: string | undefined): Promise<string> {
  if (file !== undefined) {
    try {
      return readSecret(file);
    } catch (cause) {
      if (cause instanceof WeftError) throw cause;
      const what = `the password file ${file} (WEFT_DEPLOYER_PASSWORD_FILE) cannot be read`;
      throw new WeftError('CONFIG_INVALID', what, { field: 'WEFT_DEPLOYER_PASSWORD_FILE' }, { cause });
    }
  }
  if (canAsk()) return await ask(`password of ${keystore}: `, { hidden: true });
  throw new WeftError(
    'CONFIG_INVALID',
    `the keystore ${keystore} needs a password: set WEFT_DEPLOYER_PASSWORD_FILE to a file that holds it`,
    { field: 'WEFT_DEPLOYER_PASSWORD_FILE' },
  );
}
