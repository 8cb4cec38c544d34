import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import { Receipt as ReceiptMessage } from '#protos/weft/payment/v1/payment.js';
import { type Days, type Usage, UsageBook } from '../usage.js';
import { readReceipt } from '../wire.js';
import { checkLength } from './check-length.js';
import type { LedgerBook } from './ledger/ledger-book.js';
import type { CallEntry, ChannelEntry } from './ledger/ledger-state.js';
import type { LicenceBook } from './licence-book.js';
import type { LicenceCalls } from './licence-calls.js';
import type { ProviderPayments } from './provider-payments.js';
import type { CallRecord, ReceiptPlace } from './wallet.js';

export interface CallRecordsParts {
  readonly book: LedgerBook;
  readonly licenceBook: LicenceBook;
  readonly licenceCalls: LicenceCalls;
  readonly providers: ProviderPayments;
}

interface FoundCall {
  readonly record: CallRecord;
  /** Whom to ask about it: the channel, or the provider there. */
  readonly channel?: ChannelEntry;
  readonly endpoints: readonly string[];
}

/** Receipts read at once: what is signed meanwhile waits no longer. */
const USAGE_ROWS = 1_000;

/** What the wallet knows of calls, whatever paid them: a channel, a job or a licence. */
export class CallRecords {
  constructor(private readonly parts: CallRecordsParts) {}

  async call(callId: Uint8Array): Promise<CallRecord | undefined> {
    return (await this.#find(callId))?.record;
  }

  /** Where its provider anchored the receipt. Errors: NOT_FOUND, and what the provider answers. */
  async receiptPlace(callId: Uint8Array): Promise<ReceiptPlace> {
    const found = await this.#find(callId);
    const receipt = found?.record.receipt;
    if (found === undefined || receipt === undefined)
      throw new WeftError('NOT_FOUND', 'the wallet has no receipt of this call', { callId: toHex(callId) });
    const { providers } = this.parts;
    const { channel, endpoints } = found;
    return await (channel === undefined ? providers.placeOf(receipt, endpoints) : providers.place(channel, callId));
  }

  async usage(days: Days): Promise<Usage[]> {
    const { book, licenceBook } = this.parts;
    await book.flush();
    const usage = new UsageBook(days);
    const add = ({ receipt }: { readonly receipt: Buffer }) => usage.add(readReceipt(ReceiptMessage.decode(receipt)));
    let rows = await book.store.allReceipts(new Uint8Array(0), USAGE_ROWS);
    while (rows.length > 0) {
      rows.forEach(add);
      rows = await book.store.allReceipts(rows.at(-1)!.id, USAGE_ROWS);
    }
    let licensed = await licenceBook.receipts(undefined, USAGE_ROWS);
    while (licensed.length > 0) {
      licensed.forEach(add);
      licensed = await licenceBook.receipts(licensed.at(-1), USAGE_ROWS);
    }
    return usage.rows();
  }

  /** Of a channel's call, a job's, or one with a licence; ids of calls with licences may repeat others'. */
  async #find(callId: Uint8Array): Promise<FoundCall | undefined> {
    checkLength(callId, 'callId', 32);
    const { book, licenceCalls } = this.parts;
    const entry = await book.call(callId);
    if (entry !== undefined) return { record: recordOf(entry), channel: entry.channel, endpoints: [] };
    const job = await book.job(callId);
    if (job === undefined) return await licenceCalls.find(callId);
    const state = job.receipt === undefined ? 'RESERVED' : 'SETTLED';
    return { record: recordOf({ ...job, state }), endpoints: job.pin?.endpoints ?? [] };
  }
}

const recordOf = ({
  call,
  state,
  quote,
  pin,
  receipt,
}: Pick<CallEntry, 'call' | 'state' | 'quote' | 'pin' | 'receipt'>): CallRecord => ({
  callId: call.callId,
  state,
  quoteId: quote?.id ?? new Uint8Array(32),
  step: pin?.step ?? '',
  maxAmount: call.maxAmount,
  receipt,
  call: call.method === '' ? undefined : call,
});
