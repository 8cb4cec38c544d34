import { toHttpError, type WeftError } from '#core/errors.js';
import { plainLine } from '#core/plain-text.js';
import type { Reason } from '#core/reasons.js';

/** What to do about it, where the message of whoever refused cannot know that the reader sits at a command line. */
const hints: Partial<Record<Reason, string>> = {
  GATEWAY_UNAVAILABLE: 'start the marketplace with: npx weft up',
  REGISTRY_UNAVAILABLE: 'start the marketplace with: npx weft up',
  WALLET_UNAVAILABLE: 'start the marketplace with: npx weft up',
  TEMPORAL_UNAVAILABLE: 'start the marketplace with: npx weft up',
  CHAIN_UNAVAILABLE: 'start the marketplace with: npx weft up',
  ENDPOINT_UNREACHABLE: 'is it up? other offers: npx weft services',
  LISTING_UNKNOWN: 'see what is offered with: npx weft services',
  UNKNOWN_METHOD: 'see the methods with: npx weft describe LISTING',
  INVALID_JSON: 'see the shape of the request with: npx weft describe LISTING',
  QUOTE_ABOVE_LIMIT: 'allow more with: --max-total AMOUNT',
  PRICE_ABOVE_LIMIT: 'allow more with: --max-total AMOUNT',
  FUNDS_TOO_LOW: 'see what there is with: npx weft balance',
};

const MAX_MESSAGE = 1_000;

/** One line: message, reason, hint. */
export function errorLine(error: WeftError): string {
  const hint = hints[error.reason];
  const line = `weft: ${plainLine(error.message, MAX_MESSAGE)} (${error.reason})`;
  return hint === undefined || line.includes('npx weft') ? line : `${line}; ${hint}`;
}

/** What stands on stdout under `--json` in place of the answer. */
export const errorJson = (error: WeftError): unknown => toHttpError(error).body;
