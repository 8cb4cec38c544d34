import type { LicenceState } from '#contracts/licences.js';
import type { Call, ChannelTerms, Pin, Quote, Receipt } from '../typed-data.js';
import type { Days, Usage } from '../usage.js';
import type { JobPayment, LicencePayment, Payment, Signed } from '../wire.js';

/**
 * What pays. Two exist: the payer's ledger embedded in a program, and the wallet process reached over loopback gRPC
 * (`weft.wallet.v1`). Both refuse with WeftError and answer only after what they promise is durable.
 */
export interface Wallet {
  account(): Promise<Account>;
  /**
   * Fixes what a run may spend; opens and tops up the channels it needs in one transaction. Same id and pins: the same
   * quote, open again if it was closed and its channels topped up again for what it may still spend; what it has spent
   * keeps counting. So a run that was reset goes on, and an empty channel is filled.
   */
  openQuote(request: QuoteRequest): Promise<OpenedQuote>;
  /** Frees what is left; nothing more is signed under it. */
  closeQuote(quoteId: Uint8Array): Promise<void>;
  quoteStatus(quoteId: Uint8Array): Promise<QuoteStatus>;
  /** Signs a voucher for one call. The same id with the same call gets one again; with another: CALL_ID_REUSED. */
  reserve(request: ReserveRequest): Promise<Reservation>;
  /** Tells how an attempt ended; a receipt is verified before it counts. */
  settle(callId: Uint8Array, end: CallEnd): Promise<CallState>;
  /** A call that it signed, on a channel, for a job or with a licence. */
  call(callId: Uint8Array): Promise<CallRecord | undefined>;
  /**
   * Asks the provider where the receipt of a call is anchored, whatever paid for the call. Errors: NOT_FOUND if the wallet
   * has no receipt; the provider's.
   */
  receiptPlace(callId: Uint8Array): Promise<ReceiptPlace>;
  /** What receipts say was spent, by day and asset. Errors: LEDGER_UNAVAILABLE. */
  usage(days: Days): Promise<Usage[]>;
  /**
   * Funds a job for one call of a step that a job settles, and signs the call for it. The same id with the same call:
   * the same job, never funded twice; with another: CALL_ID_REUSED.
   */
  fundJob(request: ReserveRequest): Promise<JobReservation>;
  /** The job of a call, as the chain shows it now. */
  job(callId: Uint8Array): Promise<JobRecord | undefined>;
  jobs(): Promise<JobRecord[]>;
  /**
   * Ends a job whose evaluator is this payer: pays what its verified receipt says, or takes everything back. Gives the
   * job as it then is, which is not what was asked for if it had ended before.
   */
  evaluateJob(callId: Uint8Array, verdict: JobVerdict): Promise<JobRecord>;
  channels(): Promise<ChannelRecord[]>;
  /** Hands the channel's receipts to a provider that answered RECONCILE, since it lost its ledger. */
  reconcile(channelId: Uint8Array): Promise<void>;
  /** Closes with the provider's agreement, or reclaims when the channel has run out. Gives the transaction's hash. */
  closeChannel(channelId: Uint8Array): Promise<{ transaction: string; returned: bigint }>;
  /** Licences that this wallet bought, or was given and took into use. */
  licences(): Promise<HeldLicence[]>;
  buyLicence(purchase: LicencePurchase): Promise<BoughtLicence>;
  /** Moves a subscription's end by whole periods. */
  renewLicence(
    licenceId: Uint8Array,
    renewal: { readonly listing: Uint8Array; readonly periods: number; readonly maxPrice: bigint | undefined },
  ): Promise<{ transaction: string; price: bigint }>;
  /** Ends a licence and pays back what has not run off; a pass is first sealed with its provider at `endpoints`. */
  refundLicence(
    licenceId: Uint8Array,
    endpoints: readonly string[],
  ): Promise<{ transaction: string; refunded: bigint }>;
  /**
   * Ends a pass's use by its present signer, at what its provider at `endpoints` signs as served. No transaction if it
   * is sealed already.
   */
  sealLicence(
    licenceId: Uint8Array,
    endpoints: readonly string[],
  ): Promise<{ uses: bigint; transaction: string | undefined }>;
  /**
   * Names who signs calls with a licence from now on, a key of this wallet unless one is given, and so takes a licence
   * into use that was given to its payer; a pass in use is sealed first. No transaction if that key is named already.
   */
  setLicenceSigner(
    licenceId: Uint8Array,
    signer: Uint8Array | undefined,
    endpoints: readonly string[],
  ): Promise<{ signer: Uint8Array; transaction: string | undefined }>;
  /** Gives a licence to another holder, if its offer allows that; a pass in use is sealed first. */
  transferLicence(
    licenceId: Uint8Array,
    to: Uint8Array,
    endpoints: readonly string[],
  ): Promise<{ transaction: string }>;
  /**
   * Signs one call with a licence. The same id with the same call is signed again; with another: CALL_ID_REUSED.
   * `endpoints`: where its provider is asked what became of it, if nobody says. `quoteId`: the quote that pinned it, if
   * one did.
   */
  signUse(
    licenceId: Uint8Array,
    call: Call,
    endpoints?: readonly string[],
    quoteId?: Uint8Array,
  ): Promise<LicencePayment>;
  /** Tells how a call with a licence ended; a receipt is verified before it counts. */
  settleUse(licenceId: Uint8Array, callId: Uint8Array, end: CallEnd): Promise<void>;
}

export interface HeldLicence extends LicenceState {
  readonly licenceId: Uint8Array;
  /** Of a pass: the highest count that was signed. */
  readonly signed: bigint;
}

export interface LicencePurchase {
  readonly offerId: Uint8Array;
  /** The asset's listing that the buyer agrees to: its digest. */
  readonly listing: Uint8Array;
  /** Minor units; undefined: what the offer says, which its id fixes. */
  readonly maxPrice: bigint | undefined;
}

export interface BoughtLicence {
  readonly licenceId: Uint8Array;
  readonly price: bigint;
  /** Hash. */
  readonly transaction: string;
}

export interface Account {
  readonly payer: Uint8Array;
  readonly chainId: bigint;
  readonly escrow: Uint8Array;
  readonly token: Uint8Array;
  /** Free in the escrow. */
  readonly free: bigint;
  /** Deposited in open channels and not claimed. */
  readonly inChannels: bigint;
  readonly inToken: bigint;
  /** In open jobs, or given back by ended ones and not fetched yet. */
  readonly inJobs: bigint;
}

/** A pin with what the wallet needs beyond the signed part: whom it pays and where to ask about calls. */
export interface PinRequest extends Pin {
  readonly asset: bigint;
  readonly tenure: number;
  readonly operator: Uint8Array;
  readonly endpoints: readonly string[];
  readonly minChannel: bigint;
  /** Each call of the step is settled by a job of its own instead of a channel. */
  readonly job?: JobWants;
  /** Id of the licence that admits the calls of the step: they cost nothing, so `maxPerCall` is 0. */
  readonly licence?: Uint8Array;
}

/** How a step's jobs are made. */
export interface JobWants {
  /** Who decides; none: the payer, through this wallet. */
  readonly evaluator: Uint8Array | undefined;
  /** How long after its funding an answer may be handed in. */
  readonly spanSec: number;
  /** How long the evaluator has from then on. */
  readonly reviewSec: number;
}

export interface QuoteRequest {
  readonly quoteId: Uint8Array;
  readonly pins: readonly PinRequest[];
  readonly maxTotal: bigint;
  readonly expiresAtSec: number;
}

export interface OpenedQuote {
  readonly quote: Signed<Quote>;
  readonly pins: readonly PinRequest[];
  /** Hash of the transaction that funded it, if one was needed. */
  readonly transaction: string | undefined;
}

export interface QuoteStatus {
  readonly quote: Signed<Quote>;
  /** As they were given to `openQuote`: whoever makes the run's calls may be another process than who opened it. */
  readonly pins: readonly PinRequest[];
  readonly settled: bigint;
  readonly exposure: bigint;
  readonly closed: boolean;
}

export interface ReserveRequest {
  readonly quoteId: Uint8Array;
  readonly step: string;
  readonly callId: Uint8Array;
  readonly requestDigest: Uint8Array;
  /** At most the pin's maximum, which is the default. */
  readonly maxAmount?: bigint;
}

export interface Reservation {
  readonly payment: Payment;
  /** Set when the call is settled already: sending it again fetches the stored response. */
  readonly receipt: Signed<Receipt> | undefined;
}

export interface JobReservation {
  readonly payment: JobPayment;
  /** Set when the call was answered before. */
  readonly receipt: Signed<Receipt> | undefined;
}

export const jobStates = ['FUNDING', 'FUNDED', 'SUBMITTED', 'COMPLETED', 'REJECTED', 'EXPIRED'] as const;
export type JobState = (typeof jobStates)[number];
export type JobVerdict = 'accept' | 'reject';

export interface JobRecord {
  readonly callId: Uint8Array;
  readonly jobId: Uint8Array;
  readonly quoteId: Uint8Array;
  readonly step: string;
  readonly method: string;
  readonly asset: bigint;
  readonly tenure: number;
  readonly amount: bigint;
  readonly evaluator: Uint8Array;
  readonly expiresAtSec: number;
  readonly reviewSec: number;
  readonly state: JobState;
  /** What went to the provider. */
  readonly paid: bigint;
  readonly receipt: Signed<Receipt> | undefined;
}

/** `unclear`: the sweeper will ask the provider. */
export type CallEnd = { readonly receipt: Signed<Receipt> } | 'not-charged' | 'unclear';

export const callStates = ['RESERVED', 'DOUBT', 'SETTLED', 'RELEASED', 'VOID', 'DISPUTED'] as const;
export type CallState = (typeof callStates)[number];

export interface CallRecord {
  readonly callId: Uint8Array;
  readonly state: CallState;
  /** Zeros for a call with a licence, and for one that only the provider remembered; `step` is empty then. */
  readonly quoteId: Uint8Array;
  readonly step: string;
  readonly maxAmount: bigint;
  readonly receipt: Signed<Receipt> | undefined;
  /** As it was signed; undefined if only the provider remembered it. */
  readonly call: Call | undefined;
}

/** As the provider says; whoever relies on it checks the siblings against the epoch's root on chain. */
export type ReceiptPlace =
  | { readonly state: 'anchored'; readonly epoch: bigint; readonly siblings: readonly Uint8Array[] }
  /**
   * When it will be anchored, give or take what a transaction takes; undefined: never, or if `unpaid`, not before its job
   * is paid.
   */
  | { readonly state: 'waiting'; readonly bySec: number | undefined; readonly unpaid: boolean };

export interface ChannelRecord {
  readonly channelId: Uint8Array;
  readonly terms: ChannelTerms;
  readonly deposited: bigint;
  readonly signed: bigint;
  readonly settled: bigint;
  readonly reserved: bigint;
  readonly claimed: bigint;
  readonly expiresAtSec: number;
  readonly open: boolean;
}
