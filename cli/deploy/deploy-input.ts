import { getAddress, type JsonRpcProvider } from 'ethers';
import { orChainError } from '#contracts/chain-provider.js';
import { Token } from '#contracts/token.js';
import { WeftError } from '#core/errors.js';

const refused = (field: string, message: string): WeftError => new WeftError('INVALID_INPUT', message, { field });

export function windowOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (seconds >= 3_600 && seconds <= 7 * 86_400) return seconds;
  throw refused('--window', `--window ${text} must be whole seconds from 3600 (1 hour) to 604800 (7 days)`);
}

export function chainIdOf(wanted: string | undefined, found: bigint): void {
  if (wanted === undefined) return;
  if (!/^[1-9]\d{0,18}$/.test(wanted)) throw refused('--chain-id', `--chain-id ${wanted} is no whole number`);
  if (BigInt(wanted) === found) return;
  throw new WeftError('WRONG_CHAIN', `this is chain ${found}, not chain ${wanted}`, {
    expected: wanted,
    actual: String(found),
  });
}

/** An address that holds what answers as a token does. */
export async function tokenOf(
  { token, testToken }: { readonly token?: string; readonly testToken?: boolean },
  provider: JsonRpcProvider,
  chainId: bigint,
): Promise<string | undefined> {
  if (token === undefined) return undefined;
  if (testToken) throw refused('--token', 'either --token or --test-token, not both');
  let address: string;
  try {
    address = getAddress(token);
  } catch {
    throw refused('--token', `--token ${token} is no address, or its checksum is wrong`);
  }
  const { url } = provider._getConnection();
  if ((await orChainError(url, provider.getCode(address))) === '0x')
    throw refused('--token', `there is no contract at ${address} on chain ${chainId}`);
  await new Token(address, provider).balanceOf(address).catch((error) => {
    if (error instanceof WeftError && error.reason === 'CHAIN_UNAVAILABLE') throw error;
    throw refused('--token', `the contract at ${address} is no ERC-20 token`);
  });
  return address.toLowerCase();
}

/** RPC URLs carry API keys in their path, query or user part; only the host is shown. */
export const hostOf = (rpcUrl: string): string => {
  const { protocol, host } = new URL(rpcUrl);
  return `${protocol}//${host}`;
};
