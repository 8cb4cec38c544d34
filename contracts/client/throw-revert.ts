import type { Provider, TransactionReceipt } from 'ethers';
import { WeftError } from '#core/errors.js';
import { explain } from './explain.js';

/** Throws why a mined transaction reverted, which its receipt does not tell: the node runs it again on that block. */
export async function throwRevert(
  provider: Provider,
  { from, hash, blockNumber }: TransactionReceipt,
  { to, data }: { readonly to: string | null; readonly data: string },
): Promise<never> {
  try {
    await provider.call({ from, to, data, blockTag: blockNumber });
  } catch (error) {
    throw explain(error, provider);
  }
  throw new WeftError('TRANSACTION_REVERTED', `transaction ${hash} reverted, perhaps for lack of gas`, {
    transaction: hash,
  });
}
