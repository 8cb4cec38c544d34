import type { EndReason } from '#contracts/licences.js';
import { WeftError } from '#core/errors.js';
import { sameBytes } from '#core/hex.js';
import { maxAmount } from '#core/money.js';
import type { LedgerLicence, LicenceOnChain } from '#payments/provider/licence-ledger.js';
import { Account } from './account.js';
import type { PaywallLimits } from './limits.js';
import type { VerifiedPayment } from './verify-payment.js';

/** One licence. A pass is a channel counted in calls; of the other kinds there is nothing to count. */
export class LicenceAccount extends Account {
  /** As the chain showed it at `readAtMs` of `performance.now()`. */
  onChain: LicenceOnChain;
  readAtMs = Number.NEGATIVE_INFINITY;
  /** Why it is over, if it is. */
  end: EndReason | undefined;
  state: LedgerLicence['state'];
  /** The last signer that proved to be one, and its number. */
  signer: Uint8Array;
  #signerNumber: number;

  constructor(row: LedgerLicence, onChain: LicenceOnChain) {
    super(row.id);
    this.onChain = onChain;
    this.state = row.state;
    this.signer = row.signer;
    this.#signerNumber = row.signerNumber;
    this.take(row);
  }

  /** Takes over a row read from the ledger; what only grows under one signer is never lowered. */
  take(row: LedgerLicence): void {
    if (row.signerNumber < this.#signerNumber) return;
    if (row.signerNumber > this.#signerNumber) {
      // A new signer begins at the count that was sealed; what its predecessor signed counts no more.
      this.#signerNumber = row.signerNumber;
      this.authorised = 0n;
      this.voucher = undefined;
      this.spent = row.spent;
    }
    this.state = row.state;
    this.signer = row.signer;
    this.claimed = row.claimed;
    this.spent = maxAmount(this.spent, row.spent);
    if (row.voucher !== undefined) this.see(row.authorised, row.voucher);
    this.authorised = maxAmount(this.authorised, row.authorised);
    this.stale = false;
  }

  takeChain(onChain: LicenceOnChain): void {
    this.onChain = onChain;
    this.deposited = this.isPass ? onChain.uses + (onChain.callsLeft ?? 0n) : 0n;
    this.readAtMs = performance.now();
  }

  get isPass(): boolean {
    return this.onChain.kind === 'pass';
  }

  override get isOpen(): boolean {
    return this.state === 'OPEN';
  }

  override costOf(): bigint {
    return this.isPass ? 1n : 0n;
  }

  override mostOf(): bigint {
    return this.isPass ? 1n : 0n;
  }

  isSigner(key: Uint8Array): boolean {
    return this.onChain.signer !== undefined && sameBytes(this.onChain.signer, key);
  }

  /** Whether it is the present signer, or the last one that proved to be one. */
  wasSigner(key: Uint8Array): boolean {
    return this.isSigner(key) || sameBytes(this.signer, key);
  }

  override refusalOf(
    { by, cumulative, version }: VerifiedPayment,
    needed: bigint,
    limits: PaywallLimits,
    nowSec: number,
  ): WeftError | undefined {
    const { onChain } = this;
    const { asset, tenure } = version.listing;
    if (onChain.asset !== asset || onChain.tenure !== tenure) return foreign(onChain);
    if (onChain.holder === undefined)
      return new WeftError('LICENCE_ENDED', `the licence was ${this.end ?? 'refunded or revoked'}; buy another`, {
        end: this.end ?? 'unknown',
      });
    const { validUntilSec } = onChain;
    if (validUntilSec !== undefined && nowSec >= validUntilSec)
      return new WeftError('LICENCE_EXPIRED', 'the licence has run out; buy another', {
        validUntilSec: String(validUntilSec),
      });
    if (this.state === 'FROZEN' || onChain.signer === undefined)
      return new WeftError('LICENCE_SEALED', 'the licence takes no calls until its holder names a new signer for it');
    if (by.kind !== 'licence' || !this.isSigner(by.signedBy)) return notItsSigner();
    if (!this.isPass) {
      if (cumulative !== 0n)
        return new WeftError('PAYMENT_MALFORMED', 'payment.use.uses must be 0: this licence counts no calls', {
          field: 'payment.use.uses',
        });
      return this.#tooMany(limits);
    }
    const authorised = maxAmount(this.authorised, cumulative);
    const committed = this.spent + this.reserved;
    const counts = {
      calls: String(this.deposited),
      used: String(this.spent),
      reserved: String(this.reserved),
      signed: String(authorised),
    };
    if (cumulative > this.deposited || committed + needed > this.deposited)
      return new WeftError('LICENCE_USED_UP', `the pass has ${this.deposited} calls, none of which is left`, counts);
    if (committed + needed > authorised)
      return new WeftError('UNDERPAID', 'the uses signed so far do not cover this call; sign a higher one', counts);
    return this.#tooMany(limits);
  }

  #tooMany({ maxServingPerChannel }: PaywallLimits): WeftError | undefined {
    if (this.serving < maxServingPerChannel) return undefined;
    return new WeftError('OVERLOADED', 'too many calls of this licence are being served', {
      maxServingPerChannel: String(maxServingPerChannel),
    });
  }
}

export const foreign = ({ asset, tenure }: LicenceOnChain): WeftError =>
  new WeftError('LICENCE_FOREIGN', `the licence is for asset ${asset} in tenure ${tenure}, which is not called here`, {
    asset: String(asset),
    tenure: String(tenure),
  });

export const notItsSigner = (): WeftError =>
  new WeftError('BAD_SIGNATURE', 'the use is not signed by the signer of its licence for this escrow and chain', {
    field: 'signature',
  });
