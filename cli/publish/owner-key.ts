import { join } from 'node:path';
import { type JsonRpcProvider, type Log, Wallet } from 'ethers';
import { send } from '#contracts/chain.js';
import { orChainError } from '#contracts/chain-provider.js';
import { WeftError } from '#core/errors.js';
import { readSecret, secretFile } from '#platform/secrets.js';

/** The keys of services that are published from this home; made at first use. */
export const ownerKeyFile = (home: string): string => join(home, 'provider', 'owner.key');
export const operatorKeyFile = (home: string): string => join(home, 'provider', 'operator.key');

/** "0x…" text of a private key: from a file that must exist, or from the home's own, which is made. */
export function privateKey(given: string | undefined, own: string, field: string): string {
  const text = given === undefined ? secretFile(own, () => Wallet.createRandom().privateKey) : readSecret(given);
  if (/^(0x)?[0-9a-fA-F]{64}$/.test(text)) return text.startsWith('0x') ? text : `0x${text}`;
  throw new WeftError('CONFIG_INVALID', `${given ?? own} holds no private key of 64 hexadecimal digits`, { field });
}

export interface OwnerSender {
  readonly address: string;
  send(transaction: { to: string; data: string }): Promise<{ readonly logs: readonly Log[] }>;
}

/** Sends an owner's transactions one by one and waits for each. */
export function ownerSender(key: string, provider: JsonRpcProvider, rpcUrl: string): OwnerSender {
  const wallet = new Wallet(key, provider);
  return {
    address: wallet.address,
    async send(transaction) {
      await haveGas(wallet, provider, rpcUrl);
      return send(wallet, transaction);
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
      `the owner ${wallet.address} has nothing of the chain's own coin: send it some for gas`,
      { owner: wallet.address },
    );
  });
}
