import { type Client, Metadata } from '@grpc/grpc-js';
import { WeftError } from '#core/errors.js';
import { partDown } from '#core/part-down.js';
import { connect } from '../rpc/connect.js';
import type { Call } from '../typed-data.js';
import type { Days, Usage } from '../usage.js';
import { type LicencePayment, readLicencePayment, writeCall } from '../wire.js';
import { type AskingClient, AskStream, askingClient } from './ask-stream.js';
import type { SpendingLimits, TokenScope } from './ledger/ledger-state.js';
import { readPlace } from './receipt-place.js';
import type {
  Account,
  BoughtLicence,
  CallEnd,
  CallRecord,
  CallState,
  ChannelRecord,
  HeldLicence,
  JobRecord,
  JobReservation,
  JobVerdict,
  LicencePurchase,
  OpenedQuote,
  QuoteRequest,
  QuoteStatus,
  ReceiptPlace,
  Reservation,
  ReserveRequest,
  Wallet,
} from './wallet.js';
import * as wire from './wallet-wire.js';

export interface RemoteWalletOptions {
  /** "host:port" on loopback. */
  readonly address: string;
  /** The token's secret. */
  readonly token: string;
  /** For one call. Default 30,000. */
  readonly deadlineMs?: number;
}

/** The wallet process, over one connection that is kept and made anew when it breaks. Errors: WALLET_UNAVAILABLE and the wallet's own. */
export class RemoteWallet implements Wallet {
  readonly #address: string;
  readonly #client: Client;
  readonly #asks: AskStream;
  readonly #wallet: AskingClient;

  constructor({ address, token, deadlineMs = 30_000 }: RemoteWalletOptions) {
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    this.#address = address;
    this.#client = connect(address, { longestBackoffMs: 1_000 });
    this.#asks = new AskStream(this.#client, metadata);
    this.#wallet = askingClient(this.#asks, deadlineMs);
  }

  async account(): Promise<Account> {
    return wire.readAccount(await this.#ask(this.#wallet.getAccount({})));
  }

  async openQuote(request: QuoteRequest): Promise<OpenedQuote> {
    return wire.readOpenedQuote(
      await this.#ask(this.#wallet.openQuote(wire.writeQuoteRequest(request), { deadlineMs: FUNDING_MS })),
    );
  }

  async closeQuote(quoteId: Uint8Array): Promise<void> {
    await this.#ask(this.#wallet.closeQuote({ quoteId }));
  }

  async quoteStatus(quoteId: Uint8Array): Promise<QuoteStatus> {
    return wire.readQuoteStatus(await this.#ask(this.#wallet.getQuote({ quoteId })));
  }

  async reserve(request: ReserveRequest): Promise<Reservation> {
    return wire.readReservation(await this.#ask(this.#wallet.reserve(wire.writeReserveRequest(request))));
  }

  async settle(callId: Uint8Array, end: CallEnd): Promise<CallState> {
    return wire.readCallState((await this.#ask(this.#wallet.settle(wire.writeCallEnd(callId, end)))).state);
  }

  async call(callId: Uint8Array): Promise<CallRecord | undefined> {
    try {
      return wire.readCallRecord(callId, await this.#ask(this.#wallet.getCall({ callId })));
    } catch (error) {
      if (error instanceof WeftError && error.reason === 'NOT_FOUND') return undefined;
      throw error;
    }
  }

  async receiptPlace(callId: Uint8Array): Promise<ReceiptPlace> {
    return readPlace(await this.#ask(this.#wallet.getProof({ callId })));
  }

  async usage({ fromDay, toDay }: Days): Promise<Usage[]> {
    const { usage } = await this.#ask(this.#wallet.getUsage({ fromDay, toDay }, { deadlineMs: USAGE_MS }));
    return usage.map(wire.readUsage);
  }

  async fundJob(request: ReserveRequest): Promise<JobReservation> {
    return wire.readJobReservation(
      await this.#ask(this.#wallet.fundJob(wire.writeReserveRequest(request), { deadlineMs: FUNDING_MS })),
    );
  }

  async job(callId: Uint8Array): Promise<JobRecord | undefined> {
    try {
      return wire.readJob((await this.#ask(this.#wallet.getJob({ callId }))).job);
    } catch (error) {
      if (error instanceof WeftError && error.reason === 'NOT_FOUND') return undefined;
      throw error;
    }
  }

  async jobs(): Promise<JobRecord[]> {
    return (await this.#ask(this.#wallet.listJobs({}))).jobs.map(wire.readJob);
  }

  async evaluateJob(callId: Uint8Array, verdict: JobVerdict): Promise<JobRecord> {
    const request = { callId, accept: verdict === 'accept' };
    return wire.readJob((await this.#ask(this.#wallet.evaluateJob(request, { deadlineMs: FUNDING_MS }))).job);
  }

  async channels(): Promise<ChannelRecord[]> {
    return (await this.#ask(this.#wallet.listChannels({}))).channels.map(wire.readChannel);
  }

  async reconcile(channelId: Uint8Array): Promise<void> {
    await this.#ask(this.#wallet.reconcileChannel({ channelId }));
  }

  async closeChannel(channelId: Uint8Array): Promise<{ transaction: string; returned: bigint }> {
    const { transaction, returned } = await this.#ask(
      this.#wallet.closeChannel({ channelId }, { deadlineMs: FUNDING_MS }),
    );
    return { transaction, returned: BigInt(returned) };
  }

  async licences(): Promise<HeldLicence[]> {
    return (await this.#ask(this.#wallet.listLicences({}))).licences.map(wire.readLicence);
  }

  async buyLicence({ offerId, listing, maxPrice }: LicencePurchase): Promise<BoughtLicence> {
    const request = { offerId, listing, maxPrice: wire.writeMaxPrice(maxPrice) };
    const bought = await this.#ask(this.#wallet.buyLicence(request, { deadlineMs: FUNDING_MS }));
    return { licenceId: bought.licenceId, price: BigInt(bought.price), transaction: bought.transaction };
  }

  async renewLicence(licenceId: Uint8Array, renewal: Parameters<Wallet['renewLicence']>[1]) {
    const { listing, periods, maxPrice } = renewal;
    const request = { licenceId, listing, periods, maxPrice: wire.writeMaxPrice(maxPrice) };
    const { price, transaction } = await this.#ask(this.#wallet.renewLicence(request, { deadlineMs: FUNDING_MS }));
    return { price: BigInt(price), transaction };
  }

  async refundLicence(licenceId: Uint8Array, endpoints: readonly string[]) {
    const request = { licenceId, endpoints: [...endpoints] };
    const { refunded, transaction } = await this.#ask(this.#wallet.refundLicence(request, { deadlineMs: FUNDING_MS }));
    return { refunded: BigInt(refunded), transaction };
  }

  async sealLicence(licenceId: Uint8Array, endpoints: readonly string[]) {
    const request = { licenceId, endpoints: [...endpoints] };
    const { uses, transaction } = await this.#ask(this.#wallet.sealLicence(request, { deadlineMs: FUNDING_MS }));
    return { uses, transaction: transaction || undefined };
  }

  async setLicenceSigner(licenceId: Uint8Array, named: Uint8Array | undefined, endpoints: readonly string[]) {
    const request = { licenceId, endpoints: [...endpoints], ...(named && { signer: named }) };
    const { signer, transaction } = await this.#ask(this.#wallet.setLicenceSigner(request, { deadlineMs: FUNDING_MS }));
    return { signer, transaction: transaction || undefined };
  }

  async transferLicence(licenceId: Uint8Array, to: Uint8Array, endpoints: readonly string[]) {
    const request = { licenceId, to, endpoints: [...endpoints] };
    return await this.#ask(this.#wallet.transferLicence(request, { deadlineMs: FUNDING_MS }));
  }

  async signUse(
    licenceId: Uint8Array,
    call: Call,
    endpoints: readonly string[] = [],
    quoteId?: Uint8Array,
  ): Promise<LicencePayment> {
    const request = { licenceId, call: writeCall(call), endpoints: [...endpoints], ...(quoteId && { quoteId }) };
    const { payment } = await this.#ask(this.#wallet.signUse(request));
    if (payment === undefined) throw new WeftError('WALLET_UNAVAILABLE', 'the wallet answered without a signature');
    return readLicencePayment(payment);
  }

  async settleUse(licenceId: Uint8Array, callId: Uint8Array, end: CallEnd): Promise<void> {
    await this.#ask(this.#wallet.settleUse({ licenceId, ...wire.writeCallEnd(callId, end) }));
  }

  /** Makes a token for a program; its secret is shown once. Needs a token of scope ADMIN, like the two below. */
  async createToken(name: string, scope: TokenScope, limits: SpendingLimits): Promise<string> {
    const request = { name, scope: wire.scopes[scope], limits: wire.writeLimits(limits) };
    return (await this.#ask(this.#wallet.createToken(request))).token;
  }

  async revokeToken(name: string): Promise<void> {
    await this.#ask(this.#wallet.revokeToken({ name }));
  }

  async tokens() {
    return (await this.#ask(this.#wallet.listTokens({}))).tokens.map((token) => ({
      name: token.name,
      scope: wire.readScope(token.scope),
      limits: wire.readLimits(token.limits),
      spent: BigInt(token.spent),
      revoked: token.revoked,
    }));
  }

  close(): void {
    this.#asks.close();
    this.#client.close();
  }

  async #ask<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      // Without a reason of its own the status comes from the connection, not from the wallet.
      if (!(error instanceof WeftError) || error.details['status'] !== 'UNAVAILABLE') throw error;
      throw partDown('WALLET_UNAVAILABLE', this.#address, error);
    }
  }
}

/** A ledger of years is read from end to end. */
const USAGE_MS = 300_000;

/** What sends transactions waits for them to be as deep as they must be. */
const FUNDING_MS = 300_000;
