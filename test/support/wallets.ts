import { randomBytes } from 'node:crypto';
import { type BaseWallet, Wallet as EthersWallet } from 'ethers';
import { messageDigest } from '#payments/digests.js';
import type { LocalWalletOptions } from '#payments/payer/local-wallet.js';
import type {
  CallState,
  PinRequest,
  QuoteRequest,
  Reservation,
  ReserveRequest,
  Wallet,
} from '#payments/payer/wallet.js';
import { hashListing } from '#payments/typed-data.js';
import type { Chain } from './chain.js';
import { type PaidService, SAY } from './paid-service.js';
import { callPaid, type PaidReply } from './paying.js';

/** What a wallet of a test is opened with; keep it to open the same wallet again. */
export function walletOptions(
  chain: Chain,
  databaseUrl: string,
  options: Partial<LocalWalletOptions> & { account?: number } = {},
): LocalWalletOptions {
  const { account = 2, ...rest } = options;
  const { chainId, escrow, assets, token, licences, jobs } = chain.deployment;
  return {
    databaseUrl,
    key: new EthersWallet(chain.account(account).privateKey) as BaseWallet,
    channelSeed: randomBytes(32),
    chain: { rpcUrl: chain.rpcUrl, chainId, escrow, assets, token, licences, jobs, confirmations: 0, fromBlock: 0 },
    ...rest,
    policy: { sweepEveryMs: 3_600_000, lingerMs: 2, inFlightWaitMs: 2_000, ...options.policy },
  };
}

/** A pin on the echo service. */
export const pinOf = (
  service: Pick<PaidService, 'listing' | 'operator'> & { readonly app: { readonly address: string } },
  change: Partial<PinRequest> = {},
): PinRequest => ({
  step: 'say',
  listing: hashListing(service.listing),
  method: SAY,
  calls: 10,
  maxPerCall: 100n,
  asset: service.listing.asset,
  tenure: service.listing.tenure,
  operator: service.operator.address,
  endpoints: [`grpc://${service.app.address}`],
  minChannel: service.listing.minChannel,
  ...change,
});

export const quoteOf = (pins: readonly PinRequest[], change: Partial<QuoteRequest> = {}): QuoteRequest => ({
  quoteId: randomBytes(32),
  pins,
  maxTotal: 1_000_000n,
  expiresAtSec: 0,
  ...change,
});

export const requestOf = (
  quoteId: Uint8Array,
  request: Uint8Array,
  change: Partial<ReserveRequest> = {},
): ReserveRequest => ({
  quoteId,
  step: 'say',
  callId: randomBytes(32),
  requestDigest: messageDigest(request),
  ...change,
});

export interface Paid {
  readonly reservation: Reservation;
  readonly reply: PaidReply;
  readonly state: CallState;
}

/** The whole of one paid call, as a client makes it: reserve, send, settle. */
export async function payFor(
  wallet: Wallet,
  service: PaidService,
  quoteId: Uint8Array,
  request: Uint8Array,
  change: Partial<ReserveRequest> = {},
  method = SAY,
): Promise<Paid> {
  const reservation = await wallet.reserve(requestOf(quoteId, request, change));
  const reply = await callPaid(service.client, `/${method}`, request, reservation.payment);
  const { callId } = reservation.payment.call;
  const unpaid = reply.outcome === 'not-charged' ? 'not-charged' : 'unclear';
  const state = await wallet.settle(callId, reply.receipt === undefined ? unpaid : { receipt: reply.receipt });
  return { reservation, reply, state };
}
