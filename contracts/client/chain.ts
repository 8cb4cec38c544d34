import type { BlockTag, Provider, Result, Signer, TransactionReceipt } from 'ethers';
import { WeftError } from '#core/errors.js';
import { type Hex, toHex } from '#core/hex.js';
import { type ContractName, interfaceOf } from './artifact.js';
import { explain } from './explain.js';

/** Bytes as Weft keeps them (addresses 20, ids 32) or as ethers writes them. */
export type Bytes = Uint8Array | string;

/** A transaction that lacks only nonce, gas and signature. */
export interface UnsignedTransaction {
  readonly to: string;
  readonly data: string;
}

export const hexOf = (bytes: Bytes): string => (typeof bytes === 'string' ? bytes : toHex(bytes));

/** One read of a contract, at the newest block or at `at`. */
export async function read(
  provider: Provider,
  contract: ContractName,
  to: string,
  method: string,
  args: readonly unknown[],
  at?: BlockTag,
): Promise<Result> {
  const abi = interfaceOf(contract);
  try {
    const data = await provider.call({
      to,
      data: abi.encodeFunctionData(method, args),
      ...(at === undefined ? {} : { blockTag: at }),
    });
    return abi.decodeFunctionResult(method, data);
  } catch (error) {
    throw explain(error, provider);
  }
}

/** Sends a transaction and waits until it is mined; gives its receipt. A revert becomes the WeftError that explains it. */
export async function send(signer: Signer, transaction: UnsignedTransaction): Promise<TransactionReceipt> {
  try {
    const sent = await signer.sendTransaction(transaction);
    const receipt = await sent.wait();
    if (receipt) return receipt;
  } catch (error) {
    throw explain(error, signer.provider);
  }
  throw new WeftError('INTERNAL', 'a mined transaction has no receipt');
}

/** Text of an address or digest from the chain, as Weft writes them. */
export const lower = (text: string): Hex => text.toLowerCase() as Hex;
