import type { JsonRpcProvider } from 'ethers';
import { deployOnce, findDeployment, isLocalChain } from '#contracts/deploy.js';
import { type Deployment, isSameDeployment, readDeployment, writeDeployment } from '#contracts/deployment.js';
import { WeftError } from '#core/errors.js';
import { devAccount } from './dev-account.js';
import { upEnvironment } from './up-environment.js';

const WINDOW_SEC = 3_600;

/**
 * The contracts of this home, verified. A file that somebody names is taken over into it; on a local chain they are
 * deployed if they are not there, on any other one that is `weft deploy`'s: it costs money.
 */
export async function contractsOf(provider: JsonRpcProvider, file: string): Promise<Deployment> {
  const { WEFT_CONTRACTS_FILE: given } = upEnvironment();
  if (given !== undefined) return await takenOver(provider, given, file);
  const { chainId } = await provider.getNetwork();
  if (isLocalChain(chainId)) return await deployOnce(devAccount(provider), file, { windowSec: WINDOW_SEC });
  const found = await findDeployment(provider, file);
  if (found !== undefined) return found;
  throw new WeftError(
    'CONFIG_INVALID',
    `nothing is deployed on chain ${chainId} for this home: run npx weft deploy, or set WEFT_CONTRACTS_FILE to the file of one`,
    { file },
  );
}

async function takenOver(provider: JsonRpcProvider, given: string, file: string): Promise<Deployment> {
  const deployment = await findDeployment(provider, given);
  if (deployment === undefined)
    throw new WeftError('CONFIG_INVALID', `WEFT_CONTRACTS_FILE: the chain shows no contracts of ${given}`, {
      WEFT_CONTRACTS_FILE: 'names no contracts of this chain',
    });
  const own = await readDeployment(file);
  // Ledgers and keys of this home are about its own contracts.
  if (own !== undefined && !isSameDeployment(own, deployment))
    throw new WeftError('CONFIG_INVALID', `${file} is another deployment than ${given}: use another WEFT_HOME`, {
      file,
    });
  await writeDeployment(file, deployment);
  return deployment;
}
