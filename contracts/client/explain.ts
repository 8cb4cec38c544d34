import { isCallException, isError, isHexString, JsonRpcProvider, type Provider } from 'ethers';
import { WeftError } from '#core/errors.js';
import { chainUnavailable, isUnreachable } from './chain-provider.js';
import { nodeError } from './node-error.js';
import { explainRevert } from './revert-sentences.js';

/**
 * What went wrong on chain: a revert in the words of `revertSentences`, what else the node refused as TRANSACTION_REVERTED,
 * transport trouble as CHAIN_UNAVAILABLE (which names the `provider`'s URL), anything else as INTERNAL.
 */
export function explain(error: unknown, provider: Provider | null = null): WeftError {
  if (error instanceof WeftError) return error;
  const data = revertData(error);
  if (data !== undefined) return explainRevert(data);
  if (isUnreachable(error)) return chainUnavailable(urlOf(provider), error);
  const { message: said } = nodeError(error);
  if (isError(error, 'INSUFFICIENT_FUNDS') || /insufficient funds/i.test(String(said))) return lackOfGasMoney(error);
  if (isCallException(error))
    return new WeftError('TRANSACTION_REVERTED', `the contract refused: ${error.reason ?? 'it did not say why'}`);
  if (typeof said === 'string')
    return new WeftError('TRANSACTION_REVERTED', `the chain refused: ${said.slice(0, 300)}`, {}, { cause: error });
  return WeftError.from(error);
}

export const lackOfGasMoney = (cause?: unknown): WeftError =>
  new WeftError('FUNDS_TOO_LOW', 'the sending key has too little of the chain’s own coin for gas', {}, { cause });

const urlOf = (provider: Provider | null): string =>
  provider instanceof JsonRpcProvider ? provider._getConnection().url : 'its RPC URL';

/** Bytes that a contract reverted with. Nodes and ethers put these in different places, too. */
function revertData(error: unknown): string | undefined {
  for (let at: unknown = error, depth = 0; typeof at === 'object' && at !== null && depth < 5; depth++) {
    const { data, error: inner, info } = at as { data?: unknown; error?: unknown; info?: { error?: unknown } };
    if (typeof data === 'string' && isHexString(data) && data.length >= 10) return data;
    at = inner ?? info?.error;
  }
  return undefined;
}
