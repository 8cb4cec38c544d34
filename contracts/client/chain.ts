import {
  type BlockTag,
  isCallException,
  isError,
  JsonRpcProvider,
  Network,
  type Provider,
  type Result,
  type Signer,
  type TransactionReceipt,
} from 'ethers';
import { fromRevert, WeftError } from '#core/errors.js';
import { type Hex, toHex } from '#core/hex.js';
import { type ContractName, interfaceOf } from './artifact.js';

/** Bytes as Weft keeps them (addresses 20, ids 32) or as ethers writes them. */
export type Bytes = Uint8Array | string;

/** A transaction that lacks only nonce, gas and signature. */
export interface UnsignedTransaction {
  readonly to: string;
  readonly data: string;
}

export const hexOf = (bytes: Bytes): string => (typeof bytes === 'string' ? bytes : toHex(bytes));

/** A provider for one chain, whose id is asked for once. Throws CHAIN_UNAVAILABLE if nobody answers within `timeoutMs`. */
export async function connectChain(rpcUrl: string, timeoutMs = 5_000): Promise<JsonRpcProvider> {
  let chainId: bigint;
  try {
    const response = await fetch(rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    chainId = BigInt(((await response.json()) as { result: string }).result);
  } catch (cause) {
    throw unavailable(rpcUrl, cause);
  }
  const network = Network.from(chainId);
  // No cache: a read after a write must see it. No batches: collecting one takes longer than a request does.
  const options = { staticNetwork: network, cacheTimeout: -1, batchMaxCount: 1, pollingInterval: 100 };
  return new JsonRpcProvider(rpcUrl, network, options);
}

const unavailable = (rpcUrl: string, cause: unknown): WeftError =>
  new WeftError(
    'CHAIN_UNAVAILABLE',
    `the chain at ${rpcUrl} does not answer; start it or set its URL`,
    { rpcUrl },
    { cause },
  );

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
    throw explain(error);
  }
}

/** Sends a transaction and waits until it is mined; gives its receipt. A revert becomes the WeftError that explains it. */
export async function send(signer: Signer, transaction: UnsignedTransaction): Promise<TransactionReceipt> {
  try {
    const sent = await signer.sendTransaction(transaction);
    const receipt = await sent.wait();
    if (receipt) return receipt;
  } catch (error) {
    throw explain(error);
  }
  throw new WeftError('INTERNAL', 'a mined transaction has no receipt');
}

/** What went wrong on chain, as WeftError: reverts by their contract's own error, transport trouble as CHAIN_UNAVAILABLE. */
export function explain(error: unknown): WeftError {
  if (error instanceof WeftError) return error;
  const data = isCallException(error) ? error.data : undefined;
  if (data) {
    for (const name of ['Escrow', 'Assets', 'Revenue', 'TestToken'] as const) {
      const known = interfaceOf(name).parseError(data);
      if (known) return fromRevert(known.name, [...known.args]);
    }
    return fromRevert(data, []);
  }
  if (isCallException(error)) return fromRevert(error.reason ?? 'without a reason', []);
  if (isError(error, 'INSUFFICIENT_FUNDS')) {
    return new WeftError(
      'FUNDS_TOO_LOW',
      "the account has too little of the chain's own coin for gas",
      {},
      { cause: error },
    );
  }
  const down =
    isError(error, 'NETWORK_ERROR') ||
    isError(error, 'SERVER_ERROR') ||
    isError(error, 'TIMEOUT') ||
    (error as { code?: unknown }).code === 'ECONNREFUSED';
  if (down) return new WeftError('CHAIN_UNAVAILABLE', 'the chain does not answer', {}, { cause: error });
  return WeftError.from(error);
}

/** Text of an address or digest from the chain, as Weft writes them. */
export const lower = (text: string): Hex => text.toLowerCase() as Hex;
