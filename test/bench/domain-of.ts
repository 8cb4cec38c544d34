import { fromHex } from '#core/hex.js';
import type { Domain } from '#payments/typed-data.js';
import type { EchoProvider } from './echo-provider.js';

/** Where vouchers for the provider are signed for. */
export function domainOf({ deployment }: Pick<EchoProvider, 'deployment'>): Domain {
  const { escrow, chainId } = deployment as Record<'escrow' | 'chainId', string>;
  return { chainId: BigInt(chainId), verifyingContract: fromHex(escrow, 'escrow', 20) };
}
