import { WeftError } from '#core/errors.js';
import { maxAmount } from '#core/money.js';
import { messageDigest } from '#payments/digests.js';
import type { LedgerCall, ProviderLedger } from '#payments/provider/provider-ledger.js';
import { hashReceipt, type Outcome, type Receipt, signingHash } from '#payments/typed-data.js';
import { writeReceipt } from '#payments/wire.js';
import { Receipt as ReceiptMessage } from '#protos/weft/payment/v1/payment.js';
import {
  type Attempt,
  type CallEnd,
  type ChannelAttempt,
  JobAttempt,
  meetRow,
  notCharged,
  Refused,
  responseExpired,
} from './attempt.js';
import type { JobDesk, Served } from './job-desk.js';
import type { VerifiedCall, VerifiedPayment } from './verify-payment.js';
import type { WallOptions } from './wall.js';

export interface ChargesParts extends Pick<WallOptions, 'domain' | 'ledger' | 'chain' | 'onStage'> {
  readonly jobs: JobDesk;
}

/** What calls cost once they are served: their receipts, their rows in the ledger, and what is stored of them. */
export class Charges {
  /** What the server in front sends at most; a larger response would be charged and never arrive. */
  maxResponseBytes = Number.POSITIVE_INFINITY;

  constructor(private readonly parts: ChargesParts) {}

  /** Where calls of this kind of account are charged. */
  bookOf({ by }: VerifiedPayment): ProviderLedger | ProviderLedger['licences'] {
    return by.kind === 'licence' ? this.parts.ledger.licences : this.parts.ledger;
  }

  /** Gives what is sent: the response that was charged, or the one that another process had charged before. Throws Refused. */
  async charge(attempt: Attempt, response: Uint8Array): Promise<CallEnd> {
    const served = this.#served(attempt, response);
    const isKept =
      attempt instanceof JobAttempt
        ? await this.parts.jobs.keep(attempt, served)
        : await this.#chargeChannel(attempt as ChannelAttempt, served);
    this.parts.onStage?.('committed');
    return isKept ? { response, receipt: served.receipt } : await this.#endAsStored(attempt.verified);
  }

  #served(attempt: Attempt, response: Uint8Array): Served {
    const { verified, route, meter } = attempt;
    const { price } = verified;
    if (response.length > this.maxResponseBytes)
      throw new WeftError('SERVICE_FAILED', `the response is larger than ${this.maxResponseBytes} bytes`);
    const units = meter === undefined ? 1n : meter.units;
    if (units === undefined)
      throw new WeftError('INTERNAL', `${route.method} is metered and reported no ${price.unit || 'units'}`);
    const amount = attempt.costOf(units);
    const responseDigest = messageDigest(response);
    const atSec = this.parts.chain.nowSec();
    const receipt = this.signReceipt(verified, {
      responseDigest,
      units,
      amount,
      outcome: 'complete',
      servedAtSec: atSec,
    });
    return { response, responseDigest, receipt, amount, atSec };
  }

  /** False: the call id was charged by another process. */
  async #chargeChannel(attempt: ChannelAttempt, served: Served): Promise<boolean> {
    const { account } = attempt;
    let result: Awaited<ReturnType<ProviderLedger['charge']>>;
    try {
      result = await this.bookOf(attempt.verified).charge({ ...served, ...attempt.charged });
    } catch (error) {
      const reason = WeftError.from(error);
      account.stale = true; // the ledger knows something that we do not
      throw notCharged(reason);
    }
    if (result.outcome === 'known') return false;
    account.spent = maxAmount(account.spent, result.spent);
    account.calls += 1n;
    return true;
  }

  /** Another process was first with this call id: its answer is the answer. */
  async #endAsStored(verified: VerifiedCall): Promise<CallEnd> {
    const row = await this.parts.ledger.call(verified.payer, verified.call.callId);
    if (row === undefined) throw new Refused(new WeftError('LEDGER_UNAVAILABLE', 'the ledger lost a call'), undefined);
    meetRow(verified, row);
    return await this.stored(verified, row);
  }

  /** The answer that is stored for a charged unary call. Throws Refused when its body is past its time. */
  async stored({ payer, call }: VerifiedCall, row: LedgerCall): Promise<{ response: Uint8Array; receipt: Uint8Array }> {
    let response: Uint8Array | undefined;
    try {
      response = await this.parts.ledger.response(payer, call.callId);
    } catch (error) {
      throw new Refused(WeftError.from(error), 'charged', row.proof);
    }
    if (response === undefined) throw responseExpired(row.proof);
    return { response, receipt: row.proof };
  }

  /** `amount` in the account's own units: what a licence pays for costs no money. */
  signReceipt(
    verified: VerifiedCall,
    served: { responseDigest: Uint8Array; units: bigint; amount: bigint; outcome: Outcome; servedAtSec: number },
  ): Uint8Array {
    const { call, version, accountId, commitment } = verified;
    const isFree = 'by' in verified && (verified as VerifiedPayment).by.kind === 'licence';
    const receipt: Receipt = {
      callId: call.callId,
      account: accountId,
      asset: version.listing.asset,
      tenure: version.listing.tenure,
      commitment,
      ...served,
      amount: isFree ? 0n : served.amount,
    };
    const signature = version.operator.sign(signingHash(this.parts.domain.separator, hashReceipt(receipt)));
    return ReceiptMessage.encode(writeReceipt({ ...receipt, signature })).finish();
  }
}
