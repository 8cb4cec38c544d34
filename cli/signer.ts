import { Option } from 'commander';
import { type JsonRpcProvider, type Log, Wallet } from 'ethers';
import { send } from '#contracts/chain.js';
import { orChainError } from '#contracts/chain-provider.js';
import { WeftError } from '#core/errors.js';

/** For commands that send transactions. `fallback` says whose key signs if nobody is named. */
export const asOption = (fallback: string): Option =>
  new Option('--as <who>', `whose key signs: a name of this home, made at first use, or a file (default: ${fallback})`);

export interface Sender {
  readonly address: string;
  /** For what is signed without being sent. */
  readonly wallet: Wallet;
  /** For what sends transactions by itself: with gas in the key. */
  prepared<T>(use: (wallet: Wallet) => Promise<T>): Promise<T>;
  send(transaction: { to: string; data: string }): Promise<{ readonly hash: string; readonly logs: readonly Log[] }>;
}

/** Sends the transactions of a key one by one and waits for each. */
export function senderOf(key: Wallet, provider: JsonRpcProvider, rpcUrl: string): Sender {
  const wallet = new Wallet(key.privateKey, provider);
  return {
    address: wallet.address,
    wallet,
    async prepared(use) {
      await haveGas(wallet, provider, rpcUrl);
      return use(wallet);
    },
    send(transaction) {
      return this.prepared((from) => send(from, transaction));
    },
  };
}

/** A key that was made here has nothing to pay gas with. A local test chain gives it some, others do not know the request. */
async function haveGas(wallet: Wallet, provider: JsonRpcProvider, rpcUrl: string): Promise<void> {
  const balance = await orChainError(rpcUrl, provider.getBalance(wallet.address));
  if (balance > 0n) return;
  const oneEther = `0x${(10n ** 18n).toString(16)}`;
  await provider.send('anvil_setBalance', [wallet.address, oneEther]).catch(() => {
    throw new WeftError(
      'FUNDS_TOO_LOW',
      `${wallet.address} has nothing of the chain's own coin: send it some for gas`,
      { address: wallet.address },
    );
  });
}
