import { WeftError } from '#core/errors.js';
import { chargeFor } from '#core/price.js';
import type { JobOnChain } from '#payments/provider/chain-view.js';
import type { LedgerCall } from '#payments/provider/provider-ledger.js';
import type { Account } from './account.js';
import type { Route } from './offers.js';
import type { EndStatus, WireOutcome } from './refusal.js';
import { Meter } from './units.js';
import type { VerifiedCall, VerifiedJob, VerifiedPayment } from './verify-payment.js';

/** A call that ended inside the paywall: its status, and what the trailers say of the money. */
export class Refused extends Error {
  constructor(
    readonly reason: WeftError,
    readonly outcome: WireOutcome,
    readonly receipt?: Uint8Array,
  ) {
    super(reason.message);
  }
}

/** How a served call ended, for itself and for whoever sent the same call meanwhile. */
export type CallEnd = { readonly response: Uint8Array; readonly receipt: Uint8Array } | { readonly status: EndStatus };

/** A call being served. */
export abstract class Attempt {
  /** Of metered methods. */
  readonly meter: Meter | undefined;
  readonly startedAtMs = performance.now();
  phase: 'serving' | 'committing' | 'ended' = 'serving';
  /** Ends a call that takes too long, towards its caller. */
  giveUp: ((error: WeftError) => void) | undefined;
  readonly ended: Promise<CallEnd>;
  #end!: (end: CallEnd) => void;

  constructor(
    readonly route: Route,
    readonly verified: VerifiedCall,
  ) {
    this.meter = verified.price.kind === 'metered' ? new Meter() : undefined;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  end(end: CallEnd): void {
    this.release();
    this.#end(end);
  }

  /** What the call takes of its account if it used so many units. */
  abstract costOf(units: bigint): bigint;

  /** Lets go of what is held for it. */
  protected abstract release(): void;
}

/** A call that a channel or a licence pays. */
export class ChannelAttempt extends Attempt {
  /** What is held of the account for it. */
  held: bigint;
  /** Told when a further voucher has come for the call; streams wait for that. */
  onVoucher: (() => void) | undefined;

  constructor(
    route: Route,
    override readonly verified: VerifiedPayment,
    readonly account: Account,
    held: bigint,
  ) {
    super(route, verified);
    this.held = held;
  }

  /** For the ledger: which call it is, and what pays it. */
  get charged() {
    const { account, verified } = this;
    return {
      channel: account.id,
      authorised: account.authorised,
      voucher: account.voucher ?? verified.raw,
      payer: verified.payer,
      callId: verified.call.callId,
      commitment: verified.commitment,
    };
  }

  override costOf(units: bigint): bigint {
    return this.account.costOf(this.verified.price, units);
  }

  protected release(): void {
    this.account.release(this.held);
  }
}

/** A call that a job's step pays; `over` is told when it has ended. */
export class JobAttempt extends Attempt {
  constructor(
    route: Route,
    override readonly verified: VerifiedJob,
    readonly onChain: JobOnChain,
    private readonly over: () => void,
  ) {
    super(route, verified);
  }

  override costOf(units: bigint): bigint {
    return chargeFor(this.verified.price, units);
  }

  protected release(): void {
    this.over();
  }
}

/** What the wall says to a request. */
export type Admission =
  | { readonly kind: 'free' }
  | { readonly kind: 'serve'; readonly attempt: Attempt }
  | { readonly kind: 'join'; readonly attempt: Attempt }
  | { readonly kind: 'stored'; readonly verified: VerifiedCall; readonly row: LedgerCall };

/** A ledger that does not answer might say that an earlier attempt was charged; any other refusal is clear. */
export function notCharged(error: unknown): Refused {
  if (error instanceof Refused) return error;
  const reason = WeftError.from(error);
  return new Refused(reason, reason.reason === 'LEDGER_UNAVAILABLE' ? undefined : 'not-charged');
}

const EMPTY = new Uint8Array();

/** The ledger has a row for this call id: what is told is what is stored. */
export function meetRow(verified: VerifiedCall, row: LedgerCall): Admission {
  if (row.state === 'VOID')
    throw new Refused(new WeftError('CALL_VOID', 'this call id was declared void; use a new one'), 'not-charged');
  const sameCall = Buffer.compare(row.commitment ?? EMPTY, verified.commitment) === 0;
  if (!sameCall || Buffer.compare(row.channel, verified.accountId) !== 0) throw new Refused(callIdReused(), undefined);
  if (row.running) throw new Refused(inFlight(), undefined);
  return { kind: 'stored', verified, row };
}

export const callIdReused = (): WeftError =>
  new WeftError('CALL_ID_REUSED', 'this call id was used for another request, on another channel or for another job');

export const inFlight = (): WeftError =>
  new WeftError('CALL_IN_FLIGHT', 'this call is being served; ask again in a moment');

export const responseExpired = (receipt: Uint8Array): Refused =>
  new Refused(
    new WeftError('RESPONSE_EXPIRED', 'the call was served and charged, its response is no longer kept'),
    'charged',
    receipt,
  );
