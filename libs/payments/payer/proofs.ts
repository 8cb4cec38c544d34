import { sameBytes } from '#core/hex.js';
import { recover, signedBy } from '../signature.js';
import {
  type Call,
  type Close,
  type Domain,
  escrowDomain,
  hashCall,
  hashClose,
  hashReceipt,
  hashStatement,
  hashVoid,
  hashVoucher,
  type Receipt,
  type Statement,
  signingHash,
  type Void,
} from '../typed-data.js';
import type { Payment, Signed } from '../wire.js';
import type { ChannelEntry } from './ledger/ledger-state.js';
import { hexKey, type PayerChain } from './payer-chain.js';

const SKEW_SEC = 300;

/** Whom a channel, a licence or a job pays, by which id, and the keys that sign for it. */
export interface Payee extends Pick<ChannelEntry, 'id' | 'operators'> {
  readonly terms: Pick<ChannelEntry['terms'], 'asset' | 'tenure'>;
}

/** Checks what providers sign. A key not known yet is looked up on chain: an operator replaced in mid-run is no fraud. */
export class Proofs {
  readonly #separator: Buffer;

  constructor(
    domain: Domain,
    private readonly chain: PayerChain,
    /** Told when a channel's asset has got another operator. */
    private readonly learnt: (payee: Payee) => void,
  ) {
    this.#separator = escrowDomain(domain);
  }

  /** What is wrong with a receipt, or undefined. Without `entry` only what the channel itself shows. Errors: CHAIN_UNAVAILABLE. */
  async faultOfReceipt(
    receipt: Signed<Receipt>,
    channel: Payee,
    entry?: { readonly call: Pick<Call, 'callId' | 'maxAmount'>; readonly commitment: Uint8Array },
  ): Promise<string | undefined> {
    if (!sameBytes(receipt.account, channel.id)) return 'account: another channel, licence or job';
    if (receipt.asset !== channel.terms.asset) return 'asset: another asset';
    if (receipt.tenure !== channel.terms.tenure) return 'tenure: another tenure';
    if (entry !== undefined) {
      if (!sameBytes(receipt.callId, entry.call.callId)) return 'callId: another call';
      if (!sameBytes(receipt.commitment, entry.commitment)) return 'commitment: another request';
      if (receipt.amount > entry.call.maxAmount) return 'amount: above the maximum';
    }
    const signer = recover(signingHash(this.#separator, hashReceipt(receipt)), receipt.signature);
    if (signer === undefined) return 'signature: malformed';
    if (
      receipt.servedAtSec > this.chain.nowSec() + SKEW_SEC &&
      receipt.servedAtSec > (await this.chain.readTime()) + SKEW_SEC
    )
      return 'servedAtSec: in the future';
    return (await this.#signsFor(channel, signer, receipt.servedAtSec)) ? undefined : 'signature: not by an operator';
  }

  async isVoid(voided: Signed<Void>, channel: Payee, callId: Uint8Array): Promise<boolean> {
    if (!sameBytes(voided.callId, callId) || !sameBytes(voided.account, channel.id)) return false;
    return await this.#isSigned(hashVoid(voided), voided.signature, channel, voided.atSec);
  }

  async isStatement(statement: Signed<Statement>, channel: ChannelEntry): Promise<boolean> {
    if (!sameBytes(statement.channelId, channel.id)) return false;
    return await this.#isSigned(hashStatement(statement), statement.signature, channel, statement.atSec);
  }

  async isClose(close: Signed<Close>, channel: ChannelEntry): Promise<boolean> {
    if (!sameBytes(close.channelId, channel.id)) return false;
    return await this.#isSigned(hashClose(close), close.signature, channel, this.chain.nowSec());
  }

  /** Whether a voucher is one of this channel's own. */
  isOwnVoucher(payment: Payment, channel: ChannelEntry): boolean {
    const hash = hashVoucher({
      channelId: channel.id,
      cumulative: payment.cumulative,
      commitment: hashCall(payment.call),
    });
    return signedBy(channel.terms.signer, signingHash(this.#separator, hash), payment.signature);
  }

  async #isSigned(hash: Uint8Array, signature: Uint8Array, channel: Payee, atSec: number): Promise<boolean> {
    const signer = recover(signingHash(this.#separator, hash), signature);
    return signer !== undefined && (await this.#signsFor(channel, signer, atSec));
  }

  async #signsFor(channel: Payee, signer: Uint8Array, atSec: number): Promise<boolean> {
    if (channel.operators.has(hexKey(signer))) return true;
    const span = await this.chain.span(channel.terms.asset, signer);
    if (span === undefined || span.tenure !== channel.terms.tenure) return false;
    if (atSec + SKEW_SEC < span.fromSec || (span.untilSec !== undefined && atSec > span.untilSec)) return false;
    if (span.untilSec === undefined) {
      channel.operators.add(hexKey(signer));
      this.learnt(channel);
    }
    return true;
  }
}
