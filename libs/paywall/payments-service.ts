import type { Span } from '#contracts/assets.js';
import { WeftError } from '#core/errors.js';
import { formatAmount, maxAmount } from '#core/money.js';
import type { LedgerCall } from '#payments/provider/provider-ledger.js';
import { recover } from '#payments/signature.js';
import {
  hashClose,
  hashCount,
  hashReceipt,
  hashStatement,
  hashVoid,
  type Receipt,
  signingHash,
} from '#payments/typed-data.js';
import {
  type Payment,
  readPayment,
  readReceipt,
  type Signed,
  writeClose,
  writeCount,
  writeReceipt,
  writeStatement,
  writeVoid,
} from '#payments/wire.js';
import { keyOf } from '#platform/key-of.js';
import { RecentMap, TokenBucket } from '#platform/rate-limit.js';
import * as proto from '#protos/weft/payment/v1/payment.js';
import { ChannelAttempt, callIdReused, inFlight } from './attempt.js';
import { type ChannelAccount, channelClosed } from './channel-account.js';
import { type AskedLicence, ChannelProof, type ProvenChannel } from './channel-proof.js';
import { type LicenceAccount, notItsSigner } from './licence-account.js';
import { type ListingVersion } from './offers.js';
import { checkVoucher, unknownMethod } from './verify-payment.js';
import type { Wall } from './wall.js';

const DEFAULT_PAGE = 100;
const MAX_PAGE = 500;
const MAX_RECEIPTS = 1_000;

/**
 * What `weft.payment.v1.Payments` answers. Whoever asks proves to be the signer of his channel or licence before
 * anything is written; then of one so often a second is asked, no more.
 */
export class PaymentsService {
  readonly #proof: ChannelProof;
  readonly #buckets = new RecentMap<TokenBucket>(10_000);
  /** For receipts of keys that are not ours (any more), which anybody may bring. */
  readonly #chainReads: TokenBucket;

  constructor(private readonly wall: Wall) {
    const { newChannelsPerSec, newChannelBurst } = wall.options.limits;
    this.#chainReads = new TokenBucket(newChannelsPerSec, newChannelBurst);
    this.#proof = new ChannelProof(wall.options.domain, () => wall.options.chain.nowSec());
  }

  async getChannel({ terms, proof }: proto.GetChannelRequest): Promise<proto.GetChannelResponse> {
    const channel = this.#proof.byStatement(terms, proof);
    const { account, version } = await this.#open(channel);
    const row = await this.#ledger.channel(channel.id);
    if (row !== undefined) account.take(row);
    const statement = {
      channelId: channel.id,
      authorised: account.authorised,
      spent: account.spent,
      calls: account.calls,
      atSec: this.wall.options.chain.nowSec(),
    };
    const signature = this.#sign(version, hashStatement(statement));
    return {
      statement: writeStatement({ ...statement, signature }),
      highest: account.voucher && proto.Payment.decode(account.voucher),
    };
  }

  async getCall({ terms, callId, proof }: proto.GetCallRequest): Promise<proto.GetCallResponse> {
    const asked = terms === undefined ? this.#proof.licenceByStatement(proof) : this.#proof.byStatement(terms, proof);
    checkCallId(callId);
    await this.#openEither(asked);
    const payer = payerOf(asked);
    const row = await this.#ledger.call(payer, callId);
    const running = this.wall.serving(keyOf(payer) + keyOf(callId));
    if (row?.running || (row === undefined && running !== undefined))
      return { state: proto.CallState.CALL_STATE_SERVING, receipt: undefined, void: undefined };
    if (row === undefined) return { state: proto.CallState.CALL_STATE_ABSENT, receipt: undefined, void: undefined };
    const answer = answerOf(asked, row);
    const state = answer.receipt ? proto.CallState.CALL_STATE_CHARGED : proto.CallState.CALL_STATE_VOID;
    return { state, receipt: answer.receipt, void: answer.void };
  }

  async getProof({ terms, callId, proof, receipt }: proto.GetProofRequest): Promise<proto.GetProofResponse> {
    const asked =
      receipt === undefined ? await this.#askedOfChannel(terms, callId, proof) : await this.#askedByReceipt(receipt);
    const place = await this.#ledger.epochs.place(asked);
    if (place === undefined) throw new WeftError('NOT_FOUND', 'nothing was charged here for such a call');
    if (place.state === 'anchored')
      return { epoch: place.epoch.number, siblings: [...place.siblings], bySec: 0n, unpaid: false };
    const { anchorAfterSec, chain } = this.wall.options;
    const isDue = anchorAfterSec !== undefined && !place.unpaid;
    const bySec = isDue ? Math.max(place.atSec + anchorAfterSec, chain.nowSec()) : 0;
    return { epoch: 0n, siblings: [], bySec: BigInt(bySec), unpaid: place.unpaid };
  }

  async void({ terms, request }: proto.VoidRequest): Promise<proto.VoidResponse> {
    const asking = terms === undefined ? this.#proof.licenceByVoid(request) : this.#proof.byVoid(terms, request);
    const { version, isSigner } = await this.#openEither(asking);
    // The last signer may fetch what it was answered, and nothing else.
    if (!isSigner) throw notItsSigner();
    const { id, asked } = asking;
    const { callId } = asked;
    const payer = payerOf(asking);
    const atSec = this.wall.options.chain.nowSec();
    const answer = { callId, account: id, atSec };
    const signature = this.#sign(version, hashVoid(answer));
    // Known as seen before it is written, so that no call of that id is taken for a new one in between.
    this.wall.accounts.noteSeen(keyOf(payer), callId);
    const proof = proto.Void.encode(writeVoid({ ...answer, signature })).finish();
    let row = await this.#ledger.voidCall({ channel: id, payer, callId, proof, atSec });
    if (row.running && id.equals(row.channel)) {
      await this.#ledger.streams.end(payer, callId, { force: true });
      row = (await this.#ledger.call(payer, callId)) ?? row;
    }
    return answerOf(asking, row);
  }

  async extend({ payment: message }: proto.ExtendRequest): Promise<proto.ExtendResponse> {
    const payment = readPayment(message);
    this.#checkListed(payment);
    const { channelId: id } = checkVoucher(payment, this.wall.options.domain);
    const raw = proto.Payment.encode(message!).finish();
    const { account } = await this.#open({ terms: payment.terms, id, key: keyOf(id) });
    if (account.state !== 'OPEN') throw channelClosed();
    const row = await this.#ledger.keepVoucher(account.id, payment.cumulative, raw);
    if (row !== undefined) account.take(row);
    account.see(payment.cumulative, raw);
    const running = this.wall.serving(keyOf(payment.terms.payer) + keyOf(payment.call.callId));
    if (running instanceof ChannelAttempt) running.onVoucher?.();
    return { authorised: formatAmount(account.authorised) };
  }

  async listReceipts(request: proto.ListReceiptsRequest): Promise<proto.ListReceiptsResponse> {
    const channel = this.#proof.byStatement(request.terms, request.proof);
    if (request.pageSize > MAX_PAGE)
      throw new WeftError('INVALID_INPUT', `pageSize must be at most ${MAX_PAGE}`, { field: 'pageSize' });
    if (!/^([0-9]{1,18})?$/.test(request.pageToken))
      throw new WeftError('INVALID_INPUT', 'pageToken must come from an earlier answer', { field: 'pageToken' });
    await this.#open(channel);
    const size = request.pageSize || DEFAULT_PAGE;
    const rows = await this.#ledger.receipts(channel.id, BigInt(request.pageToken || '0'), size + 1);
    const page = rows.slice(0, size);
    return {
      receipts: page.map(({ receipt }) => proto.Receipt.decode(receipt)),
      nextPageToken: rows.length > size ? String(page.at(-1)!.position) : '',
    };
  }

  async reconcile(request: proto.ReconcileRequest): Promise<proto.ReconcileResponse> {
    const channel = this.#proof.byStatement(request.terms, request.proof);
    if (request.receipts.length > MAX_RECEIPTS)
      throw new WeftError('INVALID_INPUT', `send at most ${MAX_RECEIPTS} receipts at once`, { field: 'receipts' });
    const { account, version } = await this.#open(channel);
    const row = await this.#ledger.channel(channel.id);
    // Of any other channel nothing is to be restored, so what is brought is not looked at.
    if (row?.state === 'RECONCILE') {
      const receipts = request.receipts.map((each) => readReceipt(each, 'INVALID_INPUT'));
      const spanOf = this.#spans();
      for (const receipt of receipts) await this.#checkOwn(receipt, channel, version, spanOf);
      const highest = request.highest && this.#highest(request.highest, channel);
      for (const { callId } of receipts) this.wall.accounts.noteSeen(keyOf(channel.terms.payer), callId);
      await this.#ledger.restoreCalls(
        row,
        receipts.map((each) => ({
          callId: each.callId,
          commitment: each.commitment,
          receipt: proto.Receipt.encode(writeReceipt(each)).finish(),
          amount: each.amount,
          atSec: each.servedAtSec,
        })),
      );
      if (request.complete) account.take(await this.#ledger.reconciled(channel.id, highest));
    }
    return { spent: formatAmount(maxAmount(account.spent, row?.spent ?? 0n)) };
  }

  async close({ terms, request }: proto.CloseRequest): Promise<proto.CloseResponse> {
    const channel = this.#proof.byClose(terms, request);
    const { account, version } = await this.#open(channel);
    if (account.state === 'RECONCILE')
      throw new WeftError('RECONCILE', 'this provider may have lost calls of the channel: send it the receipts first');
    if (account.serving > 0) throw inFlight();
    const before = account.state;
    account.state = 'FROZEN'; // nothing more is admitted while it is being written
    try {
      const frozen = await this.#ledger.freeze(channel.id);
      if (frozen === undefined) throw channelClosed();
      account.take(frozen);
    } catch (error) {
      account.state = before;
      account.stale = true;
      throw error;
    }
    const nowSec = this.wall.options.chain.nowSec();
    const deadlineSec = Math.min(channel.asked.deadlineSec, nowSec + this.wall.options.limits.closeSec);
    const close = { channelId: channel.id, spent: account.spent, deadlineSec };
    return { close: writeClose({ ...close, signature: this.#sign(version, hashClose(close)) }) };
  }

  async countUses({ request }: proto.CountUsesRequest): Promise<proto.CountUsesResponse> {
    const licence = this.#proof.licenceByCount(request);
    const { asked, id: licenceId } = licence;
    const { account, version } = await this.#openLicence(licence);
    const { signerNumber } = account.onChain;
    if (!account.isSigner(licence.signedBy)) throw notItsSigner();
    if (!account.isPass)
      throw new WeftError('INVALID_INPUT', 'only the calls of a pass are counted', { field: 'request' });
    if (account.serving > 0) throw inFlight();
    const nowSec = this.wall.options.chain.nowSec();
    const deadlineSec = Math.min(asked.deadlineSec, nowSec + this.wall.options.limits.closeSec);
    account.state = 'FROZEN'; // nothing more is admitted while it is being written
    try {
      const frozen = await this.#ledger.licences.freeze(licenceId, deadlineSec);
      if (frozen === undefined) throw new WeftError('LICENCE_ENDED', 'the licence is over', { end: 'unknown' });
      account.take(frozen);
    } catch (error) {
      account.readAtMs = Number.NEGATIVE_INFINITY; // chain and ledger are asked before anything is admitted
      throw error;
    }
    const count = { licenceId, uses: account.spent, signerNumber, deadlineSec };
    return { count: writeCount({ ...count, signature: this.#sign(version, hashCount(count)) }) };
  }

  get #ledger() {
    return this.wall.options.ledger;
  }

  async #askedOfChannel(terms: proto.ChannelTerms | undefined, callId: Uint8Array, proof: proto.Statement | undefined) {
    const channel = this.#proof.byStatement(terms, proof);
    checkCallId(callId);
    await this.#open(channel);
    return { account: channel.id, callId };
  }

  /** Who has a receipt of ours may ask about it, whatever paid for the call, and whoever may use that now. */
  async #askedByReceipt(message: proto.Receipt) {
    const receipt = readReceipt(message, 'INVALID_INPUT');
    await this.#checkSigned(receipt, this.#versionOf(receipt), this.#spans());
    this.#takeTurn(keyOf(receipt.account));
    return receipt;
  }

  /** `isSigner`: whether it is the present one. */
  async #openEither(asked: Asking): Promise<{ version: ListingVersion; isSigner: boolean }> {
    if ('terms' in asked) return { version: (await this.#open(asked)).version, isSigner: true };
    const { account, version } = await this.#openLicence(asked);
    return { version, isSigner: account.isSigner(asked.signedBy) };
  }

  /** The account of a channel whose signer asks, and the listing version whose operator answers for it. */
  async #open(channel: ProvenChannel): Promise<{ account: ChannelAccount; version: ListingVersion }> {
    const version = this.#versionOf(channel.terms);
    this.#takeTurn(channel.key);
    const account = await this.wall.accounts.get({ ...channel, minChannel: version.listing.minChannel });
    return { account, version };
  }

  /** The same of a licence whose signer asks, the present one or the last one that was seen here. */
  async #openLicence(licence: AskedLicence): Promise<{ account: LicenceAccount; version: ListingVersion }> {
    const { id: accountId, key: accountKey, signedBy } = licence;
    const account = await this.wall.licences.get({ accountId, accountKey, by: { kind: 'licence', signedBy } });
    // Only now is it known that its signer asks: nobody else can use up his turns.
    this.#takeTurn(accountKey);
    return { account, version: this.#versionOf(account.onChain) };
  }

  #versionOf({ asset, tenure }: { readonly asset: bigint; readonly tenure: number }): ListingVersion {
    const version = this.wall.versions.find(({ listing }) => listing.asset === asset && listing.tenure === tenure);
    if (version === undefined)
      throw new WeftError('WRONG_TERMS', `asset ${asset} in tenure ${tenure} is not served here`, { field: 'terms' });
    return version;
  }

  #takeTurn(key: string): void {
    const { questionsPerSec } = this.wall.options.limits;
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = new TokenBucket(questionsPerSec, questionsPerSec * 4);
      this.#buckets.set(key, bucket);
    }
    if (!bucket.take())
      throw new WeftError('OVERLOADED', 'too many questions about this channel or licence; wait a moment');
  }

  #checkListed({ call }: Payment): void {
    const version = this.wall.versions.find(({ digest }) => digest.equals(call.listing));
    if (version === undefined) throw new WeftError('LISTING_UNKNOWN', 'this listing is not served here');
    if (!version.prices.has(call.method)) throw unknownMethod(call.method);
  }

  async #checkOwn(
    receipt: Signed<Receipt>,
    channel: ProvenChannel,
    version: ListingVersion,
    spanOf: SpanOf,
  ): Promise<void> {
    const { asset, tenure } = channel.terms;
    const fits = channel.id.equals(receipt.account) && receipt.asset === asset && receipt.tenure === tenure;
    if (!fits) throw new WeftError('INVALID_INPUT', 'a receipt is of another channel', { field: 'receipts' });
    await this.#checkSigned(receipt, version, spanOf);
  }

  /** Whether we, or a key that was the asset's operator, signed it. */
  async #checkSigned(receipt: Signed<Receipt>, { operator }: ListingVersion, spanOf: SpanOf): Promise<void> {
    const { asset, tenure, servedAtSec } = receipt;
    const signer = recover(signingHash(this.wall.options.domain.separator, hashReceipt(receipt)), receipt.signature);
    if (signer?.equals(operator.address)) return;
    const span = signer && (await spanOf(asset, signer));
    const valid =
      span?.tenure === tenure &&
      span.fromSec <= servedAtSec &&
      (span.untilSec === undefined || servedAtSec <= span.untilSec);
    if (!valid) throw new WeftError('BAD_SIGNATURE', 'a receipt is not signed by an operator', { field: 'receipts' });
  }

  /** For one question, which asks the chain once about each key: that anybody can make. */
  #spans(): SpanOf {
    const known = new Map<string, Promise<Span | undefined>>();
    return async (asset, key) => {
      let span = known.get(keyOf(key));
      if (span === undefined) {
        if (!this.#chainReads.take())
          throw new WeftError('OVERLOADED', 'too many receipts of other keys are asked about; wait a moment');
        span = this.wall.options.chain.span(asset, key);
        known.set(keyOf(key), span);
      }
      return await span;
    };
  }

  #highest(message: proto.Payment, channel: ProvenChannel): { authorised: bigint; voucher: Uint8Array } {
    const payment = readPayment(message);
    if (!checkVoucher(payment, this.wall.options.domain).channelId.equals(channel.id))
      throw new WeftError('INVALID_INPUT', 'the highest voucher is of another channel', { field: 'highest' });
    return { authorised: payment.cumulative, voucher: proto.Payment.encode(message).finish() };
  }

  #sign(version: ListingVersion, hash: Uint8Array): Buffer {
    return version.operator.sign(signingHash(this.wall.options.domain.separator, hash));
  }
}

function checkCallId(callId: Uint8Array): void {
  if (callId.length !== 32)
    throw new WeftError('INVALID_INPUT', `callId must have 32 bytes, not ${callId.length}`, { field: 'callId' });
}

type Asking = ProvenChannel | AskedLicence;

/** When a key was an asset's operator. All that one question is about is of one asset. */
type SpanOf = (asset: bigint, key: Uint8Array) => Promise<Span | undefined>;

/** In whose scope a call id is one call. */
const payerOf = (asked: Asking): Uint8Array => ('terms' in asked ? asked.terms.payer : asked.id);

/** A row as it is told to who asks; a call id is one call, on one channel or licence. */
function answerOf(asked: Asking, row: LedgerCall): { receipt?: proto.Receipt; void?: proto.Void } {
  if (!asked.id.equals(row.channel)) throw callIdReused();
  return row.state === 'VOID'
    ? { receipt: undefined, void: proto.Void.decode(row.proof) }
    : { receipt: proto.Receipt.decode(row.proof), void: undefined };
}
