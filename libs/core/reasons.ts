import type { StatusName } from './status.js';

/**
 * Every way in which Weft refuses. The reason is the stable part of an error: programs decide by it, never by
 * the message. `retryable` says whether the same request may succeed later without anybody changing it.
 */
export const reasons = {
  // Input
  INVALID_INPUT: { code: 'INVALID_ARGUMENT', retryable: false },
  INVALID_JSON: { code: 'INVALID_ARGUMENT', retryable: false },
  BAD_IMAGE: { code: 'INVALID_ARGUMENT', retryable: false },
  IMAGE_TOO_LARGE: { code: 'INVALID_ARGUMENT', retryable: false },
  EMPTY_TEXT: { code: 'INVALID_ARGUMENT', retryable: false },
  TEXT_TOO_LONG: { code: 'INVALID_ARGUMENT', retryable: false },
  MESSAGE_TOO_LARGE: { code: 'INVALID_ARGUMENT', retryable: false },
  NOT_FOUND: { code: 'NOT_FOUND', retryable: false },
  UNKNOWN_METHOD: { code: 'UNIMPLEMENTED', retryable: false },
  UNAUTHENTICATED: { code: 'UNAUTHENTICATED', retryable: false },
  PERMISSION_DENIED: { code: 'PERMISSION_DENIED', retryable: false },
  CONFIG_INVALID: { code: 'FAILED_PRECONDITION', retryable: false },

  // Contracts and listings
  CONTRACT_INVALID: { code: 'INVALID_ARGUMENT', retryable: false },
  CONTRACT_TOO_LARGE: { code: 'INVALID_ARGUMENT', retryable: false },
  CONTRACT_MISMATCH: { code: 'FAILED_PRECONDITION', retryable: false },
  CONTRACT_BREAKS: { code: 'FAILED_PRECONDITION', retryable: false },
  LISTING_UNKNOWN: { code: 'NOT_FOUND', retryable: false },
  LISTING_INVALID: { code: 'INVALID_ARGUMENT', retryable: false },
  LISTING_NOT_IN_FORCE: { code: 'FAILED_PRECONDITION', retryable: false },
  LISTING_SUPERSEDED: { code: 'FAILED_PRECONDITION', retryable: false },
  ENDPOINT_REFUSED: { code: 'FAILED_PRECONDITION', retryable: false },
  ENDPOINT_UNREACHABLE: { code: 'UNAVAILABLE', retryable: true },
  WRONG_ESCROW: { code: 'FAILED_PRECONDITION', retryable: false },
  WRONG_CHAIN: { code: 'FAILED_PRECONDITION', retryable: false },

  // Payment, seen by the provider
  PAYMENT_REQUIRED: { code: 'FAILED_PRECONDITION', retryable: false },
  PAYMENT_MALFORMED: { code: 'INVALID_ARGUMENT', retryable: false },
  BAD_SIGNATURE: { code: 'UNAUTHENTICATED', retryable: false },
  WRONG_TERMS: { code: 'FAILED_PRECONDITION', retryable: false },
  REQUEST_MISMATCH: { code: 'INVALID_ARGUMENT', retryable: false },
  MAX_AMOUNT_TOO_LOW: { code: 'FAILED_PRECONDITION', retryable: false },
  UNDERPAID: { code: 'FAILED_PRECONDITION', retryable: false },
  CHANNEL_UNKNOWN: { code: 'FAILED_PRECONDITION', retryable: true },
  CHANNEL_EMPTY: { code: 'RESOURCE_EXHAUSTED', retryable: true },
  CHANNEL_TOO_SMALL: { code: 'FAILED_PRECONDITION', retryable: false },
  CHANNEL_EXPIRING: { code: 'FAILED_PRECONDITION', retryable: false },
  CHANNEL_CLOSED: { code: 'FAILED_PRECONDITION', retryable: false },
  LICENCE_UNKNOWN: { code: 'FAILED_PRECONDITION', retryable: true },
  LICENCE_FOREIGN: { code: 'FAILED_PRECONDITION', retryable: false },
  LICENCE_EXPIRED: { code: 'FAILED_PRECONDITION', retryable: false },
  LICENCE_ENDED: { code: 'FAILED_PRECONDITION', retryable: false },
  LICENCE_SEALED: { code: 'FAILED_PRECONDITION', retryable: false },
  LICENCE_USED_UP: { code: 'RESOURCE_EXHAUSTED', retryable: false },
  TOKEN_REQUIRED: { code: 'PERMISSION_DENIED', retryable: false },
  JOB_UNKNOWN: { code: 'FAILED_PRECONDITION', retryable: true },
  JOB_UNFIT: { code: 'FAILED_PRECONDITION', retryable: false },
  RECONCILE: { code: 'FAILED_PRECONDITION', retryable: true },
  CALL_ID_REUSED: { code: 'ALREADY_EXISTS', retryable: false },
  CALL_VOID: { code: 'FAILED_PRECONDITION', retryable: false },
  CALL_IN_FLIGHT: { code: 'ABORTED', retryable: true },
  RESPONSE_EXPIRED: { code: 'FAILED_PRECONDITION', retryable: false },
  STREAM_BROKEN: { code: 'ABORTED', retryable: false },
  LEDGER_UNAVAILABLE: { code: 'UNAVAILABLE', retryable: true },
  OVERLOADED: { code: 'RESOURCE_EXHAUSTED', retryable: true },

  // Payment, seen by the payer
  PRICE_ABOVE_LIMIT: { code: 'FAILED_PRECONDITION', retryable: false },
  QUOTE_ABOVE_LIMIT: { code: 'FAILED_PRECONDITION', retryable: false },
  QUOTE_UNKNOWN: { code: 'NOT_FOUND', retryable: false },
  QUOTE_CLOSED: { code: 'FAILED_PRECONDITION', retryable: false },
  QUOTE_EXHAUSTED: { code: 'RESOURCE_EXHAUSTED', retryable: false },
  LIMIT_EXCEEDED: { code: 'PERMISSION_DENIED', retryable: false },
  FUNDS_TOO_LOW: { code: 'FAILED_PRECONDITION', retryable: false },
  TOO_MANY_IN_FLIGHT: { code: 'RESOURCE_EXHAUSTED', retryable: true },
  RECEIPT_INVALID: { code: 'DATA_LOSS', retryable: false },
  LEDGER_IN_USE: { code: 'FAILED_PRECONDITION', retryable: false },
  JOB_REJECTED: { code: 'FAILED_PRECONDITION', retryable: false },
  JOB_EXPIRED: { code: 'FAILED_PRECONDITION', retryable: false },
  ASSET_BARRED: { code: 'FAILED_PRECONDITION', retryable: false },

  // Parts that are down
  CHAIN_UNAVAILABLE: { code: 'UNAVAILABLE', retryable: true },
  FEE_ABOVE_LIMIT: { code: 'FAILED_PRECONDITION', retryable: true },
  REGISTRY_UNAVAILABLE: { code: 'UNAVAILABLE', retryable: true },
  WALLET_UNAVAILABLE: { code: 'UNAVAILABLE', retryable: true },
  GATEWAY_UNAVAILABLE: { code: 'UNAVAILABLE', retryable: true },
  TEMPORAL_UNAVAILABLE: { code: 'UNAVAILABLE', retryable: true },
  SERVICE_UNAVAILABLE: { code: 'UNAVAILABLE', retryable: true },
  DEADLINE: { code: 'DEADLINE_EXCEEDED', retryable: true },
  CANCELLED: { code: 'CANCELLED', retryable: false },
  TRANSACTION_REVERTED: { code: 'FAILED_PRECONDITION', retryable: false },
  SERVICE_FAILED: { code: 'UNKNOWN', retryable: false },
  INTERNAL: { code: 'INTERNAL', retryable: false },
} as const satisfies Record<string, { code: StatusName; retryable: boolean }>;

export type Reason = keyof typeof reasons;

export const isReason = (text: string): text is Reason => Object.hasOwn(reasons, text);
