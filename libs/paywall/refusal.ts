import { Metadata } from '@grpc/grpc-js';
import { toGrpcStatus, type WeftError } from '#core/errors.js';
import { formatAmount } from '#core/money.js';
import { encodeStatusDetails, statusDetailsKey } from '#core/status-details.js';
import { Status } from '#protos/google/rpc/status.js';
import { PaymentRequired } from '#protos/weft/payment/v1/payment.js';

/** Trailers of every answer to a paid method. */
export const OUTCOME_KEY = 'weft-outcome';
export const RECEIPT_KEY = 'weft-receipt-bin';
/** Request metadata. */
export const PAYMENT_KEY = 'weft-payment-bin';

/** `undefined`: it is not known, or not this attempt that decides. */
export type WireOutcome = 'charged' | 'not-charged' | undefined;

export interface EndStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

const PAYMENT_REQUIRED_URL = 'type.googleapis.com/weft.payment.v1.PaymentRequired';

/** The status of a call that was refused or failed inside the paywall. */
export function refusal(
  error: WeftError,
  end: { outcome: WireOutcome; receipt?: Uint8Array; required?: PaymentRequired },
): EndStatus {
  const status = toGrpcStatus(error);
  const metadata = trailers(end.outcome, end.receipt);
  let details = Buffer.from(encodeStatusDetails(status));
  if (end.required !== undefined) {
    const detail = { typeUrl: PAYMENT_REQUIRED_URL, value: PaymentRequired.encode(end.required).finish() };
    // Protobuf messages written one after the other are read as one, their lists joined.
    const more = Status.encode({ code: status.code, message: status.message, details: [detail] }).finish();
    details = Buffer.concat([details, more]);
  }
  metadata.set(statusDetailsKey, details);
  return { code: status.code, details: status.message, metadata };
}

export function trailers(outcome: WireOutcome, receipt?: Uint8Array, into = new Metadata()): Metadata {
  if (outcome !== undefined) into.set(OUTCOME_KEY, outcome);
  if (receipt !== undefined) into.set(RECEIPT_KEY, Buffer.from(receipt));
  return into;
}

/** What an unpaid call is told. Addresses 20 bytes. */
export function paymentRequired(terms: {
  chainId: bigint;
  escrow: Uint8Array;
  token: Uint8Array;
  asset: bigint;
  tenure: number;
  operator: Uint8Array;
  listing: Uint8Array;
  method: string;
  maxAmount: bigint;
  minChannel: bigint;
}): PaymentRequired {
  return { ...terms, maxAmount: formatAmount(terms.maxAmount), minChannel: formatAmount(terms.minChannel) };
}
