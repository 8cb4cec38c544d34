import { WeftError } from '#core/errors.js';
import { sameBytes, toHex } from '#core/hex.js';
import { once } from '#core/once.js';
import type { PinRequest } from '#payments/payer/wallet.js';
import { recover } from '#payments/signature.js';
import type { Call, ChannelTerms, Receipt } from '#payments/typed-data.js';
import { channelId, type Domain, escrowDomain, hashCall, hashReceipt, signingHash } from '#payments/typed-data.js';
import type { JobPayment, Payment, Signed } from '#payments/wire.js';

/** Whether `signer` was the asset's operator in that tenure at that time; asked only when it is not the pinned one. */
export type SignerCheck = (signed: {
  asset: bigint;
  tenure: number;
  signer: Uint8Array;
  servedAtSec: number;
}) => Promise<boolean>;

/** What a receipt must be about. */
export interface PaidFrom {
  readonly call: Call;
  /** Id of the channel, licence or job. */
  readonly account: Uint8Array;
  readonly asset: bigint;
  readonly tenure: number;
}

/** Checks receipts against the voucher that paid for them (rule 6: what passes here can be proved to anyone). */
export class ReceiptChecker {
  readonly #separator: Buffer;
  /** An embedded wallet gives the same terms with every call of a channel. */
  readonly #channelId = once((terms: ChannelTerms) => channelId(terms, this.domain));

  constructor(
    private readonly domain: Domain,
    private readonly knownSigner: SignerCheck = async () => false,
  ) {
    this.#separator = escrowDomain(domain);
  }

  /**
   * The signer's address. Throws RECEIPT_INVALID, naming the field, unless the receipt is for this call, of this
   * channel or job, not above its maximum, and signed by an operator of the asset.
   */
  async signer(
    receipt: Signed<Receipt>,
    payment: Payment | JobPayment,
    { asset, tenure, operator }: Pick<PinRequest, 'asset' | 'tenure' | 'operator'>,
  ): Promise<Uint8Array> {
    const { call } = payment;
    if ('job' in payment)
      return await this.signerFor(receipt, { call, account: payment.job.jobId, asset, tenure }, operator);
    const { terms } = payment;
    const paid = { call, account: this.#channelId(terms), asset: terms.asset, tenure: terms.tenure };
    return await this.signerFor(receipt, paid, operator);
  }

  /** The same for a call on any account: a channel, a job, or a licence, whose calls cost nothing. */
  async signerFor(receipt: Signed<Receipt>, paid: PaidFrom, operator: Uint8Array): Promise<Uint8Array> {
    const { call, account } = paid;
    const same = (field: string, given: Uint8Array, wanted: Uint8Array) => {
      if (!sameBytes(given, wanted)) refuse(field, `is ${toHex(given)}, not ${toHex(wanted)}`);
    };
    same('callId', receipt.callId, call.callId);
    same('account', receipt.account, account);
    same('commitment', receipt.commitment, hashCall(call));
    if (receipt.asset !== paid.asset) refuse('asset', `is ${receipt.asset}, not ${paid.asset}`);
    if (receipt.tenure !== paid.tenure) refuse('tenure', `is ${receipt.tenure}, not ${paid.tenure}`);
    if (receipt.amount > call.maxAmount)
      refuse('amount', `is ${receipt.amount}, above the agreed maximum ${call.maxAmount}`);
    const signer = recover(signingHash(this.#separator, hashReceipt(receipt)), receipt.signature);
    if (signer === undefined) refuse('signature', 'is malformed');
    if (sameBytes(signer, operator)) return signer;
    // An operator that was replaced while the run went on is no error; any other signer is.
    const { asset, tenure, servedAtSec } = receipt;
    if (!(await this.knownSigner({ asset, tenure, signer, servedAtSec })))
      refuse('signature', `is by ${toHex(signer)}, who is no operator of asset ${asset}`);
    return signer;
  }
}

/** The bytes that arrived must be those that the receipt is about. */
export function checkResponseDigest(receipt: Receipt, digest: Uint8Array): void {
  if (!sameBytes(receipt.responseDigest, digest))
    refuse('responseDigest', `is ${toHex(receipt.responseDigest)}, but the response has ${toHex(digest)}`);
}

function refuse(field: string, what: string): never {
  throw new WeftError('RECEIPT_INVALID', `the receipt's ${field} ${what}`, { field: `receipt.${field}` });
}
