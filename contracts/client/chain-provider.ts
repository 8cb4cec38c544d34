import { FetchRequest, isError, JsonRpcProvider, Network } from 'ethers';
import { WeftError } from '#core/errors.js';
import { partDown, withoutSecrets } from '#core/part-down.js';
import { nodeError } from './node-error.js';

export interface ChainAddress {
  readonly rpcUrl: string;
  readonly chainId: bigint;
}

const REQUEST_TIMEOUT_MS = 15_000;

/**
 * JSON-RPC without ethers' own ideas: no network detection; no batches, since collecting one takes longer than a request
 * does; no cache, since a read after a write must see it; and an answer within 15 s or an error.
 */
export function chainProvider({ rpcUrl, chainId }: ChainAddress): JsonRpcProvider {
  const request = new FetchRequest(rpcUrl);
  request.timeout = REQUEST_TIMEOUT_MS;
  const network = Network.from(chainId);
  return new JsonRpcProvider(request, network, {
    staticNetwork: network,
    batchMaxCount: 1,
    cacheTimeout: -1,
    pollingInterval: 100,
  });
}

/** For a chain whose id is not known: asks for it once. Throws CHAIN_UNAVAILABLE if nobody answers within `timeoutMs`. */
export async function connectChain(rpcUrl: string, timeoutMs = 5_000): Promise<JsonRpcProvider> {
  const asked = async () => {
    const response = await fetch(rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    return BigInt(((await response.json()) as { result: string }).result);
  };
  const chainId = await asked().catch((cause) => {
    throw partDown('CHAIN_UNAVAILABLE', rpcUrl, cause);
  });
  return chainProvider({ rpcUrl, chainId });
}

/** Asks the node which chain it is; WRONG_CHAIN if it is not the configured one. */
export async function checkChain(provider: JsonRpcProvider, { rpcUrl, chainId }: ChainAddress): Promise<void> {
  const answered = BigInt(await orChainError(rpcUrl, provider.send('eth_chainId', [])));
  if (answered !== chainId)
    throw new WeftError('WRONG_CHAIN', `${withoutSecrets(rpcUrl)} is chain ${answered}, not chain ${chainId}`, {
      expected: String(chainId),
      found: String(answered),
    });
}

/** Passes `answer` on; CHAIN_UNAVAILABLE when nobody answered for now. What the node said to the question itself stays as it is. */
export async function orChainError<T>(rpcUrl: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    throw chainUnavailable(rpcUrl, error);
  }
}

/** The error of a chain that `isUnreachable`. What its node said is not repeated: it may name the owner of the URL's key. */
export function chainUnavailable(rpcUrl: string, cause: unknown): WeftError {
  if (!isBusy(cause instanceof WeftError ? cause.cause : cause)) return partDown('CHAIN_UNAVAILABLE', rpcUrl, cause);
  const address = withoutSecrets(rpcUrl);
  const message = `the chain at ${address} is asked too often, or its node is behind; try again in a moment`;
  return new WeftError('CHAIN_UNAVAILABLE', message, { address }, { cause });
}

const systemCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EAI_AGAIN',
]);

/**
 * What a node says that could have answered at another moment: it is asked too often, or, one of several behind a name,
 * has not got the block yet. ethers takes it for a revert of the call.
 */
function isBusy(error: unknown): boolean {
  const { code, message } = nodeError(error);
  return code === TOO_MANY_REQUESTS || BUSY.test(String(message));
}

const TOO_MANY_REQUESTS = 429;
const BUSY =
  /rate.?limit|rate exceeded|too many requests|requests? limit|per second|throttl|header not found|unknown block|block not found|missing trie node/i;

/** Nobody answered, or nothing that says anything of what was asked. The contracts' bindings have wrapped it already. */
export const isUnreachable = (error: unknown): boolean =>
  (error instanceof WeftError && (error.reason === 'CHAIN_UNAVAILABLE' || isUnreachable(error.cause))) ||
  isError(error, 'TIMEOUT') ||
  isError(error, 'SERVER_ERROR') ||
  isError(error, 'NETWORK_ERROR') ||
  isBusy(error) ||
  (typeof error === 'object' && error !== null && 'code' in error && systemCodes.has(String(error.code)));
