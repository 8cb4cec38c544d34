import { WeftError } from '#core/errors.js';
import { minAmount } from '#core/money.js';
import { tenureKey } from '#core/tenure-key.js';
import { utcDay } from '#core/utc-day.js';
import { Receipt as ReceiptMessage } from '#protos/weft/payment/v1/payment.js';
import { hashVoucher, type Receipt, signingHash } from '../typed-data.js';
import { type Payment, readReceipt, type Signed } from '../wire.js';
import type { ChannelKeys } from './channel-keys.js';
import type { LedgerBook } from './ledger/ledger-book.js';
import { callFromRow } from './ledger/ledger-rows.js';
import { type CallEntry, type ChannelEntry, idKey, isOpenCall } from './ledger/ledger-state.js';
import type { Proofs } from './proofs.js';
import type { ProviderPayments } from './provider-payments.js';

export interface RecoveryParts {
  readonly book: LedgerBook;
  readonly providers: ProviderPayments;
  readonly proofs: Proofs;
  readonly keys: ChannelKeys;
  readonly separator: Buffer;
  readonly nowSec: () => number;
}

const RECEIPTS_A_MESSAGE = 200;

/** Makes the ledger whole again after a start, and hands a provider back what it lost. */
export class Recovery {
  readonly #proving = new Map<ChannelEntry, Promise<void>>();

  constructor(private readonly parts: RecoveryParts) {}

  /**
   * Asks the provider what it knows of a channel: its highest voucher, which is ours if our signature is on it, and
   * receipts that the ledger has forgotten. Until then nothing is signed on it. Errors: the provider's, or
   * SERVICE_UNAVAILABLE.
   */
  prove(channel: ChannelEntry): Promise<void> {
    const running = this.#proving.get(channel);
    if (running !== undefined) return running;
    const proving = this.#prove(channel).finally(() => this.#proving.delete(channel));
    this.#proving.set(channel, proving);
    return proving;
  }

  async #prove(channel: ChannelEntry): Promise<void> {
    const { book, providers, proofs } = this.parts;
    const answer = await providers.channel(channel).catch(async (error: unknown) => {
      if (!(error instanceof WeftError)) throw error;
      if (error.reason === 'NOT_FOUND' || error.reason === 'CHANNEL_UNKNOWN') return undefined;
      if (error.reason !== 'RECONCILE') throw error;
      await this.reconcile(channel);
      return await providers.channel(channel);
    });
    let shown = 0n;
    if (answer !== undefined) {
      const { statement, highest } = answer;
      if (!(await proofs.isStatement(statement, channel)))
        throw new WeftError(
          'SERVICE_FAILED',
          'the provider’s statement about the channel is not signed by its operator',
          {
            asset: String(channel.terms.asset),
          },
        );
      if (highest !== undefined && proofs.isOwnVoucher(highest, channel)) shown = highest.cumulative;
      // An honest provider never spent more than the voucher that it shows.
      if (statement.spent > channel.settled) await this.#learnReceipts(channel, minAmount(statement.spent, shown));
    }
    book.ledger.proved(channel, shown);
    book.changed(channel);
  }

  async #learnReceipts(channel: ChannelEntry, spent: bigint): Promise<void> {
    if (channel.settled >= spent) return;
    for await (const receipt of this.parts.providers.receipts(channel)) {
      await this.learn(channel, receipt, spent);
      if (channel.settled >= spent) return;
    }
  }

  /**
   * Counts a receipt that came from the provider and not from a caller. True if the call is settled now. Of calls that the
   * ledger does not know it believes as much as was signed for, or `most`: a provider can sign receipts for calls
   * that were never made, but no vouchers. Errors: CHAIN_UNAVAILABLE.
   */
  async learn(channel: ChannelEntry, receipt: Signed<Receipt>, most = channel.signed): Promise<boolean> {
    const { book, proofs } = this.parts;
    const known = await book.call(receipt.callId);
    if (known !== undefined && known.state !== 'RELEASED' && !isOpenCall(known)) return known.state === 'SETTLED';
    if ((await proofs.faultOfReceipt(receipt, channel, known)) !== undefined) return false;
    await book.call(receipt.callId);
    // Between this look at the ledger and the decision nothing else can run: the same receipt may come twice at once.
    const entry = book.calls.get(idKey(receipt.callId));
    if (entry !== undefined) book.ledger.settle(entry, receipt);
    else if (channel.settled + receipt.amount > most) return false;
    else this.#adopt(channel, receipt);
    book.knownTenures.add(tenureKey(channel.terms));
    book.changed(channel);
    return true;
  }

  #adopt(channel: ChannelEntry, receipt: Signed<Receipt>): void {
    const { book } = this.parts;
    const none = new Uint8Array(0);
    const entry: CallEntry = {
      key: idKey(receipt.callId),
      channel,
      quote: undefined,
      pin: undefined,
      call: { callId: receipt.callId, listing: none, method: '', requestDigest: none, maxAmount: receipt.amount },
      commitment: receipt.commitment,
      state: 'SETTLED',
      cumulative: 0n,
      day: utcDay(receipt.servedAtSec),
      attempts: 0,
      unclear: false,
      lastAttemptSec: receipt.servedAtSec,
      receipt,
    };
    book.addCall(entry);
    book.ledger.adopt(entry, receipt.amount);
  }

  /** Sends all of a channel's receipts and its highest voucher to a provider that asks for them. Errors: the provider's. */
  async reconcile(channel: ChannelEntry): Promise<void> {
    const { book, providers } = this.parts;
    await book.flush();
    const highest = await this.#highestVoucher(channel);
    let after: Uint8Array = new Uint8Array(0);
    for (let complete = false; !complete; ) {
      const rows = await book.store.receipts(channel.id, after, RECEIPTS_A_MESSAGE);
      complete = rows.length < RECEIPTS_A_MESSAGE;
      after = rows.at(-1)?.id ?? after;
      const receipts = rows.map((row) => readReceipt(ReceiptMessage.decode(row.receipt)));
      await providers.reconcile(channel, receipts, { complete, highest: complete ? highest : undefined });
    }
  }

  /** Signed anew: the same voucher, since signatures here are deterministic. */
  async #highestVoucher(channel: ChannelEntry): Promise<Payment | undefined> {
    const row = await this.parts.book.store.highestCall(channel.id);
    return row && this.voucher(callFromRow(row, channel, undefined));
  }

  voucher(entry: CallEntry): Payment {
    const { channel, call, commitment, cumulative } = entry;
    const hash = hashVoucher({ channelId: channel.id, cumulative, commitment });
    const signature = this.parts.keys.key(channel.terms).sign(signingHash(this.parts.separator, hash));
    return { terms: channel.terms, cumulative, call, signature };
  }
}
