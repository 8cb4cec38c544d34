import { randomBytes } from 'node:crypto';
import { type Client, Metadata } from '@grpc/grpc-js';
import type { HDNodeWallet } from 'ethers';
import { send } from '#contracts/chain.js';
import { fromHex } from '#core/hex.js';
import { maxAmount } from '#core/money.js';
import { messageDigest } from '#payments/digests.js';
import { callRaw, type RawCallOptions, type RawReply, streamRaw } from '#payments/rpc/raw-call.js';
import { SigningKey } from '#payments/signature.js';
import {
  type Call,
  type ChannelTerms,
  channelId,
  type Domain,
  escrowDomain,
  hashCall,
  hashReceipt,
  hashVoucher,
  signingHash,
} from '#payments/typed-data.js';
import { type JobPayment, type Payment, readReceipt, writeJobPayment, writePayment } from '#payments/wire.js';
import { Payment as PaymentMessage, Receipt as ReceiptMessage } from '#protos/weft/payment/v1/payment.js';
import type { Chain } from './chain.js';

export const domainOf = (chain: Pick<Chain, 'deployment'>): Domain => ({
  chainId: chain.deployment.chainId,
  verifyingContract: fromHex(chain.deployment.escrow, 'escrow', 20),
});

/** A channel and its key: signs whatever a test wants signed, honest or not. */
export class PayingChannel {
  readonly id: Buffer;
  /** Next voucher's cumulative amount is this plus the call's maximum. */
  signed = 0n;
  readonly #separator: Buffer;

  constructor(
    readonly terms: ChannelTerms,
    readonly key: SigningKey,
    readonly domain: Domain,
  ) {
    this.id = channelId(terms, domain);
    this.#separator = escrowDomain(domain);
  }

  sign(hash: Uint8Array): Buffer {
    return this.key.sign(signingHash(this.#separator, hash));
  }

  /** The voucher an honest payer sends with a call, unless a test gives another amount. */
  pay(call: Call, cumulative = this.signed + call.maxAmount): Payment {
    this.signed = maxAmount(this.signed, cumulative);
    const commitment = hashCall(call);
    return {
      terms: this.terms,
      cumulative,
      call,
      signature: this.sign(hashVoucher({ channelId: this.id, cumulative, commitment })),
    };
  }

  hashOfReceipt(receipt: Parameters<typeof hashReceipt>[0]): Buffer {
    return signingHash(this.#separator, hashReceipt(receipt));
  }
}

export const newKey = (): SigningKey => new SigningKey(randomBytes(32));

export const newTerms = (payer: Uint8Array, signer: Uint8Array, asset: bigint, tenure = 1): ChannelTerms => ({
  payer,
  signer,
  asset,
  tenure,
  salt: randomBytes(8).readBigUInt64BE(),
});

/** Opens a channel on chain. The payer must have money in the escrow. */
export async function openChannel(
  chain: Chain,
  payer: HDNodeWallet,
  asset: bigint,
  amount: bigint,
  lifeSec = 86_400,
): Promise<PayingChannel> {
  const [channel] = await openChannels(chain, payer, asset, amount, 1, lifeSec);
  return channel!;
}

export async function openChannels(
  chain: Chain,
  payer: HDNodeWallet,
  asset: bigint,
  amount: bigint,
  count: number,
  lifeSec = 86_400,
): Promise<PayingChannel[]> {
  const channels = Array.from({ length: count }, () => {
    const key = newKey();
    return new PayingChannel(newTerms(fromHex(payer.address, 'payer', 20), key.address, asset), key, domainOf(chain));
  });
  const expiresAtSec = (await chain.nowSec()) + lifeSec;
  await send(payer, chain.escrow.open(channels.map(({ terms }) => ({ ...terms, amount, expiresAtSec }))));
  return channels;
}

export const metadataOf = (payment: Payment | JobPayment): Metadata => {
  const metadata = new Metadata();
  const message = 'job' in payment ? writeJobPayment(payment) : writePayment(payment);
  metadata.set('weft-payment-bin', Buffer.from(PaymentMessage.encode(message).finish()));
  return metadata;
};

/** What came back of a call, with its receipt read. */
export interface PaidReply extends RawReply {
  readonly outcome: string | undefined;
  readonly receipt: ReturnType<typeof readReceipt> | undefined;
}

export async function callPaid(
  client: Client,
  path: string,
  request: Uint8Array,
  payment: Payment | JobPayment | undefined,
  options: RawCallOptions = {},
): Promise<PaidReply> {
  const reply = await callRaw(client, path, request, {
    deadlineMs: 20_000,
    ...options,
    ...(payment && { metadata: metadataOf(payment) }),
  });
  return { ...reply, ...readTrailers(reply.trailers) };
}

export function readTrailers(trailers: Metadata) {
  const [receipt] = trailers.get('weft-receipt-bin');
  const [outcome] = trailers.get('weft-outcome');
  return {
    outcome: outcome as string | undefined,
    receipt: receipt === undefined ? undefined : readReceipt(ReceiptMessage.decode(receipt as Buffer)),
  };
}

export const streamPaid = (
  client: Client,
  path: string,
  request: Uint8Array,
  payment: Payment,
  options: RawCallOptions = {},
) => streamRaw(client, path, request, { deadlineMs: 20_000, ...options, metadata: metadataOf(payment) });

export const newCall = (
  listing: Uint8Array,
  method: string,
  request: Uint8Array,
  maxAmount: bigint,
  callId: Uint8Array = randomBytes(32),
): Call => ({ callId, listing, method, requestDigest: messageDigest(request), maxAmount });
