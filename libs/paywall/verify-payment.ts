import type { Metadata } from '@grpc/grpc-js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import { formatAmount, minAmount } from '#core/money.js';
import type { Price } from '#core/price.js';
import { messageDigest } from '#payments/digests.js';
import { signedBy } from '#payments/signature.js';
import { channelId, type Domain, hashCall, hashVoucher, signingHash } from '#payments/typed-data.js';
import { type Payment, readPayment } from '#payments/wire.js';
import { keyOf } from '#platform/key-of.js';
import { Payment as PaymentMessage } from '#protos/weft/payment/v1/payment.js';
import { type ListingVersion, type Route } from './offers.js';
import { PAYMENT_KEY } from './refusal.js';

/** A payment message has at most 4 short fields, an address or digest each; method names are below 512 characters. */
const MAX_PAYMENT_BYTES = 2_048;

/** A payment whose signature holds for this very request. Nothing is known yet about its channel. */
export interface VerifiedPayment {
  readonly payment: Payment;
  /** The message as it came. */
  readonly raw: Uint8Array;
  readonly version: ListingVersion;
  readonly price: Price;
  readonly channelId: Buffer;
  /** `channelId`, latin1. */
  readonly channelKey: string;
  /** The payer's address, latin1. */
  readonly payerKey: string;
  /** Payer and call id, latin1: the scope in which a call id is one call. */
  readonly callKey: string;
  readonly commitment: Buffer;
}

/** Where and how vouchers are signed. */
export interface PaymentDomain extends Domain {
  /** EIP-712 domain separator of the escrow. */
  readonly separator: Uint8Array;
}

/** The payment of a request, or undefined if it brings none. Looks at size and shape only. */
export function paymentOf(metadata: Metadata): Uint8Array | undefined {
  const values = metadata.get(PAYMENT_KEY);
  const [raw] = values;
  if (raw === undefined) return undefined;
  if (values.length > 1 || typeof raw === 'string') throw malformed(`${PAYMENT_KEY} must be given once`);
  if (raw.length > MAX_PAYMENT_BYTES) throw malformed(`${PAYMENT_KEY} is larger than ${MAX_PAYMENT_BYTES} bytes`);
  return raw;
}

const malformed = (message: string): WeftError => new WeftError('PAYMENT_MALFORMED', message, { field: PAYMENT_KEY });

/**
 * Everything that can be judged from the request and from memory, in the order of PROTOCOL section 5: shape; call,
 * listing and method; channel id from its terms; signer; request digest.
 */
export function verifyPayment(
  route: Route,
  raw: Uint8Array,
  request: Uint8Array,
  domain: PaymentDomain,
): VerifiedPayment {
  const payment = decode(raw);
  const { version, price } = checkCall(route, payment);
  const { channelId: id, commitment } = checkVoucher(payment, domain);
  if (!messageDigest(request).equals(payment.call.requestDigest))
    throw new WeftError('REQUEST_MISMATCH', 'the voucher was signed for another request', {
      field: 'call.requestDigest',
    });
  const payerKey = keyOf(payment.terms.payer);
  return {
    payment,
    raw,
    version,
    price,
    channelId: id,
    channelKey: keyOf(id),
    payerKey,
    callKey: payerKey + keyOf(payment.call.callId),
    commitment,
  };
}

export function decode(raw: Uint8Array): Payment {
  let message: PaymentMessage;
  try {
    message = PaymentMessage.decode(raw);
  } catch {
    throw malformed(`${PAYMENT_KEY} is not a weft.payment.v1.Payment`);
  }
  return readPayment(message);
}

/** Whether the call is one that is offered here, for its price. */
export function checkCall(route: Route, { call, terms }: Payment): { version: ListingVersion; price: Price } {
  if (call.method !== route.method)
    throw new WeftError('REQUEST_MISMATCH', `the voucher was signed for ${call.method}, not for ${route.method}`, {
      field: 'call.method',
    });
  const version = route.versions.get(keyOf(call.listing));
  if (version === undefined)
    throw new WeftError('LISTING_UNKNOWN', 'this listing is not served here; look the service up again', {
      listing: toHex(call.listing),
      served: toHex(route.newest.digest),
    });
  const price = version.prices.get(route.method);
  if (price === undefined) throw unknownMethod(route.method);
  if (terms.asset !== version.listing.asset || terms.tenure !== version.listing.tenure)
    throw new WeftError('WRONG_TERMS', 'the channel pays another asset or tenure', {
      asset: String(version.listing.asset),
      tenure: String(version.listing.tenure),
    });
  const least = leastMaximum(route, price);
  if (call.maxAmount < least)
    throw new WeftError('MAX_AMOUNT_TOO_LOW', `a call of ${route.method} may cost ${least} minor units`, {
      field: 'call.maxAmount',
      maxAmount: formatAmount(least),
    });
  return { version, price };
}

/** A unary call is served whole, so it must be able to cost what it may cost. A metered stream ends where its money does. */
function leastMaximum(route: Route, price: Price): bigint {
  if (price.kind === 'free') return 0n;
  if (price.kind === 'fixed') return price.rate;
  return route.definition.responseStream ? minAmount(1n, price.maxAmount) : price.maxAmount;
}

export const unknownMethod = (method: string): WeftError =>
  new WeftError('UNKNOWN_METHOD', `${method} is not on offer`, { method });

/** Checks that the channel's signer signed the voucher; gives what it was signed over. */
export function checkVoucher(payment: Payment, domain: PaymentDomain): { channelId: Buffer; commitment: Buffer } {
  const id = channelId(payment.terms, domain);
  const commitment = hashCall(payment.call);
  const hash = signingHash(
    domain.separator,
    hashVoucher({ channelId: id, cumulative: payment.cumulative, commitment }),
  );
  if (!signedBy(payment.terms.signer, hash, payment.signature))
    throw new WeftError(
      'BAD_SIGNATURE',
      "the voucher is not signed by its channel's signer for this escrow and chain",
      { field: 'signature' },
    );
  return { channelId: id, commitment };
}
