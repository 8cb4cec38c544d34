import { isError } from 'ethers';

/** What a node says to a signed transaction that it does not take. */

/** The node has these bytes, or they are mined. */
export const isKnownAlready = (error: unknown): boolean =>
  isError(error, 'NONCE_EXPIRED') || /already known|already imported|nonce too low/i.test(messageOf(error));

/** Below the base fee, or not enough above what the node holds with this nonce. */
export const isFeeTooLow = (error: unknown): boolean =>
  isError(error, 'REPLACEMENT_UNDERPRICED') ||
  /underpriced|fee (per gas |cap )?(too low|less than)/i.test(messageOf(error));

export const isLackOfGasMoney = (error: unknown): boolean =>
  isError(error, 'INSUFFICIENT_FUNDS') || /insufficient funds/i.test(messageOf(error));

const messageOf = (error: unknown): string => {
  const inner = (error as { error?: { message?: unknown } }).error?.message;
  return typeof inner === 'string' ? inner : error instanceof Error ? error.message : '';
};
