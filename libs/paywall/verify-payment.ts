import type { Metadata } from '@grpc/grpc-js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import { formatAmount, minAmount } from '#core/money.js';
import type { Price } from '#core/price.js';
import { messageDigest } from '#payments/digests.js';
import { recover, signedBy } from '#payments/signature.js';
import {
  type Call,
  type ChannelTerms,
  channelId,
  type Domain,
  hashCall,
  hashJobCall,
  hashUse,
  hashVoucher,
  signingHash,
} from '#payments/typed-data.js';
import { type JobStepRef, type Payment, readJobPayment, readLicencePayment, readPayment } from '#payments/wire.js';
import { keyOf } from '#platform/key-of.js';
import { Payment as PaymentMessage } from '#protos/weft/payment/v1/payment.js';
import { type ListingVersion, type Route } from './offers.js';
import { PAYMENT_KEY } from './refusal.js';

/** A payment message has at most 4 short fields, an address or digest each; method names are below 512 characters. */
const MAX_PAYMENT_BYTES = 2_048;

/** A call whose signature holds for this very request. Nothing is known yet about its money. */
export interface VerifiedCall {
  readonly call: Call;
  readonly version: ListingVersion;
  readonly price: Price;
  /** Id of the channel, licence or job that pays: the receipt's account. */
  readonly accountId: Uint8Array;
  /** `accountId`, latin1. */
  readonly accountKey: string;
  /** Whose calls they are: the channel's payer, the job's client, or the licence's id. */
  readonly payer: Uint8Array;
  /** `payer`, latin1. */
  readonly payerKey: string;
  /** Payer and call id, latin1: the scope in which a call id is one call. */
  readonly callKey: string;
  readonly commitment: Buffer;
}

/** What pays for a call: a channel, whose signer has signed; or a licence, whose signer the chain has yet to name. */
export type PaidBy =
  | { readonly kind: 'channel'; readonly terms: ChannelTerms }
  /** `signedBy`: 20 bytes. */
  | { readonly kind: 'licence'; readonly signedBy: Uint8Array };

/** Paid by a channel or with a licence. */
export interface VerifiedPayment extends VerifiedCall {
  readonly by: PaidBy;
  /** All that is signed for so far: minor units, or calls of a pass. */
  readonly cumulative: bigint;
  /** The message as it came. */
  readonly raw: Uint8Array;
}

/** Paid by a step of a job. */
export interface VerifiedJob extends VerifiedCall {
  readonly job: JobStepRef;
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
): VerifiedPayment | VerifiedJob {
  const message = decode(raw);
  if (message.job !== undefined) return named(byJob(route, message, domain), request);
  const paid =
    message.use === undefined ? byChannel(route, message, raw, domain) : byLicence(route, message, raw, domain);
  return named(paid, request);
}

type Keys = 'accountKey' | 'payerKey' | 'callKey';

/** Adds the names under which the call is known, once it is found to be about this very request. */
function named<P extends Omit<VerifiedCall, Keys>>(paid: P, request: Uint8Array): P & Pick<VerifiedCall, Keys> {
  const { call, accountId, payer } = paid;
  if (!messageDigest(request).equals(call.requestDigest))
    throw new WeftError('REQUEST_MISMATCH', 'the payment was signed for another request', {
      field: 'call.requestDigest',
    });
  const payerKey = keyOf(payer);
  return {
    ...paid,
    accountKey: keyOf(accountId),
    payerKey,
    callKey: payerKey + keyOf(call.callId),
  };
}

type Paid = Omit<VerifiedPayment, Keys>;

function byChannel(route: Route, message: PaymentMessage, raw: Uint8Array, domain: PaymentDomain): Paid {
  const payment = readPayment(message);
  const { call, terms, cumulative } = payment;
  const listed = checkCall(route, call, terms);
  checkMaximum(route, listed.price, call);
  const { channelId: accountId, commitment } = checkVoucher(payment, domain);
  return {
    ...listed,
    by: { kind: 'channel', terms },
    call,
    cumulative,
    raw,
    accountId,
    payer: terms.payer,
    commitment,
  };
}

/** Whether the key that signed is the licence's, and what it is a licence for, the chain says: see `LicenceAccounts`. */
function byLicence(route: Route, message: PaymentMessage, raw: Uint8Array, domain: PaymentDomain): Paid {
  const { licenceId, uses, call, signature } = readLicencePayment(message);
  const listed = checkCall(route, call);
  const commitment = hashCall(call);
  const signed = recover(signingHash(domain.separator, hashUse({ licenceId, uses, commitment })), signature);
  if (signed === undefined) throw new WeftError('BAD_SIGNATURE', 'the signature is malformed', { field: 'signature' });
  const by = { kind: 'licence', signedBy: signed } as const;
  return { ...listed, by, call, cumulative: uses, raw, accountId: licenceId, payer: licenceId, commitment };
}

/** Signed by who says to be the job's client, which the chain decides: see `JobDesk`. */
function byJob(route: Route, message: PaymentMessage, { separator }: PaymentDomain): Omit<VerifiedJob, Keys> {
  const { job, call, signature } = readJobPayment(message);
  if (route.definition.responseStream)
    throw new WeftError('JOB_UNFIT', 'a job pays for one response, not for a stream: pay through a channel', {
      field: 'job',
    });
  const listed = checkCall(route, call);
  checkMaximum(route, listed.price, call);
  const commitment = hashCall(call);
  const hash = signingHash(separator, hashJobCall({ jobId: job.jobId, step: job.step, commitment }));
  if (!signedBy(job.client, hash, signature))
    throw new WeftError('BAD_SIGNATURE', "the call is not signed by its job's client for this escrow and chain", {
      field: 'signature',
    });
  return { ...listed, job, call, accountId: job.jobId, payer: job.client, commitment };
}

function decode(raw: Uint8Array): PaymentMessage {
  try {
    return PaymentMessage.decode(raw);
  } catch {
    throw malformed(`${PAYMENT_KEY} is not a weft.payment.v1.Payment`);
  }
}

/** Whether the call is one that is offered here; `terms` of a channel must be of the listing's asset. */
function checkCall(route: Route, call: Call, terms?: ChannelTerms): { version: ListingVersion; price: Price } {
  if (call.method !== route.method)
    throw new WeftError('REQUEST_MISMATCH', `the payment was signed for ${call.method}, not for ${route.method}`, {
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
  if (terms !== undefined && (terms.asset !== version.listing.asset || terms.tenure !== version.listing.tenure))
    throw new WeftError('WRONG_TERMS', 'the channel pays another asset or tenure', {
      asset: String(version.listing.asset),
      tenure: String(version.listing.tenure),
    });
  return { version, price };
}

/** Whether the call may cost what it can cost here. */
function checkMaximum(route: Route, price: Price, call: Call): void {
  const least = leastMaximum(route, price);
  if (call.maxAmount < least)
    throw new WeftError('MAX_AMOUNT_TOO_LOW', `a call of ${route.method} may cost ${least} minor units`, {
      field: 'call.maxAmount',
      maxAmount: formatAmount(least),
    });
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
