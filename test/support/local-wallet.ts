import { LocalWallet, type LocalWalletOptions } from '#payments/payer/local-wallet.js';
import type { Chain } from './chain.js';
import { createDatabase } from './database.js';
import { walletOptions } from './wallets.js';

/** A payer with a ledger of its own and `funds` in the escrow, out of account `account` of the chain. */
export async function startWallet(
  chain: Chain,
  options: Partial<LocalWalletOptions> & { account?: number; funds?: bigint } = {},
): Promise<LocalWallet> {
  const { funds = 1_000_000n, account = 2, ...rest } = options;
  await chain.fund(chain.account(account), funds);
  return LocalWallet.open(walletOptions(chain, await createDatabase(), { account, ...rest }));
}
