import type { Metadata, ServerDuplexStream } from '@grpc/grpc-js';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod, GrpcStreamCall } from '@nestjs/microservices';
import type { Histogram } from 'prom-client';
import { WeftError } from '#core/errors.js';
import { statusName } from '#core/status.js';
import type { TokenEntry, TokenScope } from '#payments/payer/ledger/ledger-state.js';
import { LocalWallet } from '#payments/payer/local-wallet.js';
import { writePlace } from '#payments/payer/receipt-place.js';
import * as wire from '#payments/payer/wallet-wire.js';
import { readCall, writeLicencePayment } from '#payments/wire.js';
import type * as proto from '#protos/weft/wallet/v1/wallet.js';
import { AskStreams, refuse } from './ask-streams.js';

const SERVICE = 'WalletService';
/** Provides the histogram of `callTimes`. */
export const CALL_TIMES = Symbol('call times');

/** `weft.wallet.v1` over the ledger: who asks, whether he may, and the messages. */
@Controller()
export class WalletController {
  readonly #streams: AskStreams;

  constructor(
    @Inject(LocalWallet) private readonly wallet: LocalWallet,
    @Inject(CALL_TIMES) times: Histogram<'method' | 'code'>,
  ) {
    const handlers = this as unknown as Record<string, (request: unknown, metadata: Metadata) => unknown>;
    this.#streams = new AskStreams({
      handle: (key, request, metadata) => handlers[key]?.(request, metadata),
      answered: (method, code, seconds) => times.observe({ method, code: statusName(code) }, seconds),
    });
  }

  /** Ends the streams on which programs ask, once what they asked is answered. */
  close(): void {
    this.#streams.close();
  }

  @GrpcMethod(SERVICE, 'GetAccount')
  async getAccount(_: proto.GetAccountRequest, metadata: Metadata): Promise<proto.GetAccountResponse> {
    this.#token(metadata, 'READ');
    return wire.writeAccount(await this.wallet.account());
  }

  @GrpcMethod(SERVICE, 'OpenQuote')
  async openQuote(request: proto.OpenQuoteRequest, metadata: Metadata): Promise<proto.OpenQuoteResponse> {
    const token = this.#token(metadata, 'SPEND');
    return wire.writeOpenedQuote(await this.wallet.openQuote(wire.readQuoteRequest(request), token));
  }

  @GrpcMethod(SERVICE, 'GetQuote')
  async getQuote({ quoteId }: proto.GetQuoteRequest, metadata: Metadata): Promise<proto.GetQuoteResponse> {
    this.#token(metadata, 'READ');
    return wire.writeQuoteStatus(await this.wallet.quoteStatus(quoteId));
  }

  @GrpcMethod(SERVICE, 'CloseQuote')
  async closeQuote({ quoteId }: proto.CloseQuoteRequest, metadata: Metadata): Promise<proto.CloseQuoteResponse> {
    await this.wallet.closeQuote(quoteId, this.#token(metadata, 'SPEND'));
    return {};
  }

  @GrpcMethod(SERVICE, 'Reserve')
  async reserve(request: proto.ReserveRequest, metadata: Metadata): Promise<proto.ReserveResponse> {
    const token = this.#token(metadata, 'SPEND');
    return wire.writeReservation(await this.wallet.reserve(wire.readReserveRequest(request), token));
  }

  @GrpcMethod(SERVICE, 'Settle')
  async settle(request: proto.SettleRequest, metadata: Metadata): Promise<proto.SettleResponse> {
    const token = this.#token(metadata, 'SPEND');
    const state = await this.wallet.settle(request.callId, wire.readCallEnd(request), token);
    return { state: wire.writeCallState(state) };
  }

  @GrpcMethod(SERVICE, 'GetCall')
  async getCall({ callId }: proto.GetCallRequest, metadata: Metadata): Promise<proto.GetCallResponse> {
    this.#token(metadata, 'READ');
    const call = await this.wallet.call(callId);
    if (call === undefined) throw new WeftError('NOT_FOUND', 'the wallet has signed nothing for this call');
    return wire.writeCallRecord(call);
  }

  @GrpcMethod(SERVICE, 'GetProof')
  async getProof({ callId }: proto.GetProofRequest, metadata: Metadata): Promise<proto.GetProofResponse> {
    this.#token(metadata, 'READ');
    return writePlace(await this.wallet.receiptPlace(callId));
  }

  @GrpcMethod(SERVICE, 'GetUsage')
  async getUsage(request: proto.GetUsageRequest, metadata: Metadata): Promise<proto.GetUsageResponse> {
    this.#token(metadata, 'READ');
    return { usage: (await this.wallet.usage(wire.readDays(request))).map(wire.writeUsage) };
  }

  @GrpcMethod(SERVICE, 'FundJob')
  async fundJob(request: proto.FundJobRequest, metadata: Metadata): Promise<proto.FundJobResponse> {
    const token = this.#token(metadata, 'SPEND');
    return wire.writeJobReservation(await this.wallet.fundJob(wire.readReserveRequest(request), token));
  }

  @GrpcMethod(SERVICE, 'GetJob')
  async getJob({ callId }: proto.GetJobRequest, metadata: Metadata): Promise<proto.GetJobResponse> {
    this.#token(metadata, 'READ');
    const job = await this.wallet.job(callId);
    if (job === undefined) throw new WeftError('NOT_FOUND', 'the wallet has funded no job for this call');
    return { job: wire.writeJob(job) };
  }

  @GrpcMethod(SERVICE, 'ListJobs')
  async listJobs(_: proto.ListJobsRequest, metadata: Metadata): Promise<proto.ListJobsResponse> {
    this.#token(metadata, 'READ');
    return { jobs: (await this.wallet.jobs()).map(wire.writeJob) };
  }

  @GrpcMethod(SERVICE, 'EvaluateJob')
  async evaluateJob(
    { callId, accept }: proto.EvaluateJobRequest,
    metadata: Metadata,
  ): Promise<proto.EvaluateJobResponse> {
    const token = this.#token(metadata, 'SPEND');
    return { job: wire.writeJob(await this.wallet.evaluateJob(callId, accept ? 'accept' : 'reject', token)) };
  }

  @GrpcMethod(SERVICE, 'ListChannels')
  async listChannels({ asset }: proto.ListChannelsRequest, metadata: Metadata): Promise<proto.ListChannelsResponse> {
    this.#token(metadata, 'READ');
    const channels = await this.wallet.channels();
    return { channels: channels.filter(({ terms }) => asset === 0n || terms.asset === asset).map(wire.writeChannel) };
  }

  @GrpcMethod(SERVICE, 'ReconcileChannel')
  async reconcileChannel(
    { channelId }: proto.ReconcileChannelRequest,
    metadata: Metadata,
  ): Promise<proto.ReconcileChannelResponse> {
    this.#token(metadata, 'SPEND');
    await this.wallet.reconcile(channelId);
    return {};
  }

  @GrpcMethod(SERVICE, 'CloseChannel')
  async closeChannel(
    { channelId }: proto.CloseChannelRequest,
    metadata: Metadata,
  ): Promise<proto.CloseChannelResponse> {
    this.#token(metadata, 'ADMIN');
    const { transaction, returned } = await this.wallet.closeChannel(channelId);
    return { transaction, returned: String(returned) };
  }

  @GrpcMethod(SERVICE, 'ListLicences')
  async listLicences(_: proto.ListLicencesRequest, metadata: Metadata): Promise<proto.ListLicencesResponse> {
    this.#token(metadata, 'READ');
    return { licences: (await this.wallet.licences()).map(wire.writeLicence) };
  }

  @GrpcMethod(SERVICE, 'BuyLicence')
  async buyLicence(request: proto.BuyLicenceRequest, metadata: Metadata): Promise<proto.BuyLicenceResponse> {
    const token = this.#token(metadata, 'SPEND');
    const { offerId, listing, maxPrice } = request;
    const purchase = { offerId, listing, maxPrice: wire.readMaxPrice(maxPrice) };
    const { price, ...bought } = await this.wallet.buyLicence(purchase, token);
    return { ...bought, price: String(price) };
  }

  @GrpcMethod(SERVICE, 'RenewLicence')
  async renewLicence(request: proto.RenewLicenceRequest, metadata: Metadata): Promise<proto.RenewLicenceResponse> {
    const token = this.#token(metadata, 'SPEND');
    const { licenceId, listing, periods, maxPrice } = request;
    const renewal = { listing, periods, maxPrice: wire.readMaxPrice(maxPrice) };
    const { price, transaction } = await this.wallet.renewLicence(licenceId, renewal, token);
    return { price: String(price), transaction };
  }

  @GrpcMethod(SERVICE, 'RefundLicence')
  async refundLicence(
    { licenceId, endpoints }: proto.RefundLicenceRequest,
    metadata: Metadata,
  ): Promise<proto.RefundLicenceResponse> {
    const token = this.#token(metadata, 'SPEND');
    const { refunded, transaction } = await this.wallet.refundLicence(licenceId, endpoints, token);
    return { refunded: String(refunded), transaction };
  }

  @GrpcMethod(SERVICE, 'SealLicence')
  async sealLicence(
    { licenceId, endpoints }: proto.SealLicenceRequest,
    metadata: Metadata,
  ): Promise<proto.SealLicenceResponse> {
    const token = this.#token(metadata, 'SPEND');
    const { uses, transaction = '' } = await this.wallet.sealLicence(licenceId, endpoints, token);
    return { uses, transaction };
  }

  @GrpcMethod(SERVICE, 'SetLicenceSigner')
  async setLicenceSigner(
    { licenceId, signer, endpoints }: proto.SetLicenceSignerRequest,
    metadata: Metadata,
  ): Promise<proto.SetLicenceSignerResponse> {
    const token = this.#token(metadata, 'SPEND');
    const wanted = signer.length === 0 ? undefined : signer;
    const named = await this.wallet.setLicenceSigner(licenceId, wanted, endpoints, token);
    return { signer: named.signer, transaction: named.transaction ?? '' };
  }

  @GrpcMethod(SERVICE, 'TransferLicence')
  async transferLicence(
    { licenceId, to, endpoints }: proto.TransferLicenceRequest,
    metadata: Metadata,
  ): Promise<proto.TransferLicenceResponse> {
    const token = this.#token(metadata, 'SPEND');
    return await this.wallet.transferLicence(licenceId, to, endpoints, token);
  }

  @GrpcMethod(SERVICE, 'SignUse')
  async signUse(request: proto.SignUseRequest, metadata: Metadata): Promise<proto.SignUseResponse> {
    const token = this.#token(metadata, 'SPEND');
    const { licenceId, call, endpoints } = request;
    const quoteId = request.quoteId.length === 0 ? undefined : request.quoteId;
    const payment = await this.wallet.signUse(licenceId, readCall(call), endpoints, quoteId, token);
    return { payment: writeLicencePayment(payment) };
  }

  @GrpcMethod(SERVICE, 'SettleUse')
  async settleUse(request: proto.SettleUseRequest, metadata: Metadata): Promise<proto.SettleUseResponse> {
    const token = this.#token(metadata, 'SPEND');
    await this.wallet.settleUse(request.licenceId, request.callId, wire.readCallEnd(request), token);
    return {};
  }

  @GrpcMethod(SERVICE, 'CreateToken')
  async createToken(request: proto.CreateTokenRequest, metadata: Metadata): Promise<proto.CreateTokenResponse> {
    this.#token(metadata, 'ADMIN');
    const { name, scope, limits } = request;
    return { token: await this.wallet.tokens.create(name, wire.readScope(scope), wire.readLimits(limits)) };
  }

  @GrpcMethod(SERVICE, 'RevokeToken')
  async revokeToken({ name }: proto.RevokeTokenRequest, metadata: Metadata): Promise<proto.RevokeTokenResponse> {
    this.#token(metadata, 'ADMIN');
    await this.wallet.tokens.revoke(name);
    return {};
  }

  @GrpcMethod(SERVICE, 'ListTokens')
  listTokens(_: proto.ListTokensRequest, metadata: Metadata): proto.ListTokensResponse {
    this.#token(metadata, 'ADMIN');
    return { tokens: this.wallet.tokens.list().map(wire.writeToken) };
  }

  @GrpcStreamCall(SERVICE, 'Ask')
  ask(stream: ServerDuplexStream<proto.AskRequest, proto.AskResponse>): void {
    try {
      this.#token(stream.metadata, 'READ');
      this.#streams.serve(stream);
    } catch (error) {
      refuse(stream, WeftError.from(error));
    }
  }

  #token(metadata: Metadata, scope: TokenScope): TokenEntry {
    const [header] = metadata.get('authorization');
    const secret = typeof header === 'string' ? /^Bearer ([\w-]{1,200})$/.exec(header)?.[1] : undefined;
    return this.wallet.tokens.authenticate(secret, scope);
  }
}
