import { type BlockTag, Interface, type Provider } from 'ethers';
import { type Bytes, hexOf } from './chain.js';
import { isUnreachable } from './chain-provider.js';

const tokens = new Interface([
  'function balanceOf(address) view returns (uint256)',
  'function balanceOf(address, uint256) view returns (uint256)',
  'function ownerOf(uint256) view returns (address)',
]);

/** A token, or one id of a collection of them. */
export interface TokenAsked {
  readonly standard: 'erc20' | 'erc721' | 'erc1155';
  /** "0x…" */
  readonly token: string;
  readonly id: bigint | undefined;
}

/**
 * How much of a token somebody holds; of one id of an ERC-721, 1 or 0. A contract that is none, or refuses to answer, is
 * held by nobody. Throws only when the node does not answer.
 */
export async function heldTokens(
  provider: Provider,
  { standard, token, id }: TokenAsked,
  holder: Bytes,
  at?: BlockTag,
): Promise<bigint> {
  const account = hexOf(holder);
  const ask = async (signature: string, args: readonly unknown[]) => {
    const data = tokens.encodeFunctionData(signature, args);
    const answer = await provider.call({ to: token, data, ...(at === undefined ? {} : { blockTag: at }) });
    return tokens.decodeFunctionResult(signature, answer)[0];
  };
  try {
    if (standard === 'erc1155') return await ask('balanceOf(address,uint256)', [account, id]);
    if (standard === 'erc20' || id === undefined) return await ask('balanceOf(address)', [account]);
    const owner: string = await ask('ownerOf(uint256)', [id]);
    return owner.toLowerCase() === account.toLowerCase() ? 1n : 0n;
  } catch (error) {
    if (isUnreachable(error)) throw error;
    return 0n;
  }
}
