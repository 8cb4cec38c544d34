import { randomBytes } from 'node:crypto';
import { LocalWallet, type LocalWalletOptions } from '#payments/payer/local-wallet.js';
import type { Chain } from './chain.js';
import { createDatabase } from './database.js';

/** A payer with a ledger of his own and `funds` in the escrow, out of account `n` of the chain. */
export async function startWallet(
  chain: Chain,
  options: { n?: number; funds?: bigint; databaseUrl?: string } & Pick<Partial<LocalWalletOptions>, 'policy'> = {},
): Promise<LocalWallet> {
  const { n = 2, funds = 1_000_000n, policy, databaseUrl = await createDatabase() } = options;
  const key = chain.account(n);
  if (funds > 0n) await chain.fund(key, funds);
  const { chainId, escrow, assets, token } = chain.deployment;
  return LocalWallet.open({
    databaseUrl,
    key,
    channelSeed: randomBytes(32),
    chain: { rpcUrl: chain.rpcUrl, chainId, escrow, assets, token, confirmations: 0, fromBlock: 0 },
    ...(policy === undefined ? {} : { policy }),
  });
}
