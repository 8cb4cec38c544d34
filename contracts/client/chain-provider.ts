import { FetchRequest, isError, JsonRpcProvider, Network } from 'ethers';
import { WeftError } from '#core/errors.js';
import { partDown, withoutSecrets } from '#core/part-down.js';

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

/** Passes `answer` on; CHAIN_UNAVAILABLE when nobody answered. Errors that the node itself gave stay as they are. */
export async function orChainError<T>(rpcUrl: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    throw partDown('CHAIN_UNAVAILABLE', rpcUrl, error);
  }
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

/** The contracts' bindings have wrapped the error already. */
export const isUnreachable = (error: unknown): boolean =>
  (error instanceof WeftError && (error.reason === 'CHAIN_UNAVAILABLE' || isUnreachable(error.cause))) ||
  isError(error, 'TIMEOUT') ||
  isError(error, 'SERVER_ERROR') ||
  isError(error, 'NETWORK_ERROR') ||
  (typeof error === 'object' && error !== null && 'code' in error && systemCodes.has(String(error.code)));
