import { setTimeout as delay } from 'node:timers/promises';
import {
  type BlockTag,
  type JsonRpcApiProvider,
  type Provider,
  type Result,
  type Signer,
  type TransactionReceipt,
  type TransactionResponse,
  toQuantity,
} from 'ethers';
import { WeftError } from '#core/errors.js';
import { type Hex, toHex } from '#core/hex.js';
import { type ContractName, interfaceOf } from './artifact.js';
import { isUnreachable } from './chain-provider.js';
import { explain } from './explain.js';
import { gasLimitFor } from './gas-limit.js';
import { throwRevert } from './throw-revert.js';

/** Bytes as Weft keeps them (addresses 20, ids 32) or as ethers writes them. */
export type Bytes = Uint8Array | string;

/** A transaction that lacks only nonce, gas and signature. */
export interface UnsignedTransaction {
  readonly to: string;
  readonly data: string;
}

export const hexOf = (bytes: Bytes): string => (typeof bytes === 'string' ? bytes : toHex(bytes));

/** A block by which the chain is known again: its hash stands for everything before it. */
export interface BlockMark {
  readonly number: number;
  readonly hash: string;
}

/** A 64-byte signature as contracts take it. */
export function signatureParts(signature: Uint8Array): { r: string; vs: string } {
  if (signature.length !== 64) throw new RangeError(`a signature has 64 bytes, not ${signature.length}`);
  return { r: toHex(signature.subarray(0, 32)), vs: toHex(signature.subarray(32)) };
}

/**
 * The code at an address, "0x…", as the node writes it: ethers' own `getCode` takes it apart and writes it anew, which for
 * the code of a dozen contracts takes longer than all else that is done with it.
 */
export const codeAt = (provider: JsonRpcApiProvider, address: string, block: number | 'latest' = 'latest') =>
  provider.send('eth_getCode', [address, block === 'latest' ? block : toQuantity(block)]) as Promise<string>;

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
    const gasLimit = gasLimitFor(await signer.estimateGas(transaction));
    const sent = await signer.sendTransaction({ ...transaction, gasLimit });
    return await mined(sent);
  } catch (error) {
    throw explain(error, signer.provider);
  }
}

const FIRST_POLL_MS = 50;
const SLOWEST_POLL_MS = 2_000;
/** A node may know that a nonce is used a while before it has the receipt, all the more one of several behind one name. */
const RECEIPT_LAG_MS = 5_000;
/** Questions in a row that the chain may leave unanswered while a transaction is waited for. */
export const MOST_MISSES = 10;

/**
 * The receipt, once there is one; throws why if it says that nothing was done. ethers' own `wait` asks for the receipt
 * and then for the newest block: a block that comes between the two is missed, and on a chain that mines on demand there
 * may be no other.
 */
export async function mined(sent: TransactionResponse): Promise<TransactionReceipt> {
  let usedSince = Number.POSITIVE_INFINITY;
  let misses = 0;
  for (let pauseMs = FIRST_POLL_MS; ; pauseMs = Math.min(pauseMs * 1.5, SLOWEST_POLL_MS)) {
    let used = false;
    try {
      used = (await sent.provider.getTransactionCount(sent.from)) > sent.nonce;
      const receipt = await sent.provider.getTransactionReceipt(sent.hash);
      if (receipt) return receipt.status === 1 ? receipt : await throwRevert(sent.provider, receipt, sent);
      misses = 0;
    } catch (error) {
      // What is asked so often may go unanswered now and then: that says nothing of the transaction.
      if (!isUnreachable(error) || ++misses === MOST_MISSES) throw error;
    }
    usedSince = used ? Math.min(usedSince, Date.now()) : Number.POSITIVE_INFINITY;
    if (Date.now() - usedSince >= RECEIPT_LAG_MS)
      throw new WeftError(
        'TRANSACTION_REVERTED',
        `another transaction took the place of ${sent.hash}: nothing was done`,
        { transaction: sent.hash },
      );
    await delay(pauseMs);
  }
}

/** Text of an address or digest from the chain, as Weft writes them. */
export const lower = (text: string): Hex => text.toLowerCase() as Hex;
