import { randomBytes } from 'node:crypto';
import type { Client } from '@grpc/grpc-js';
import { Metadata } from '@grpc/grpc-js';
import type { HDNodeWallet } from 'ethers';
import { send } from '#contracts/chain.js';
import type { LicenceOffer } from '#contracts/licences.js';
import { callRaw, type RawCallOptions } from '#payments/rpc/raw-call.js';
import { typedClient } from '#payments/rpc/typed-client.js';
import type { SigningKey } from '#payments/signature.js';
import {
  type Call,
  escrowDomain,
  hashCall,
  hashListing,
  hashStatement,
  hashUse,
  hashVoid,
  type Listing,
  signingHash,
} from '#payments/typed-data.js';
import { type LicencePayment, writeLicencePayment, writeStatement, writeVoid } from '#payments/wire.js';
import { Payment, PaymentsDefinition } from '#protos/weft/payment/v1/payment.js';
import type { Chain } from './chain.js';
import { domainOf, newCall, newKey, type PaidReply, readTrailers } from './paying.js';

const DAY = 86_400;

/** A licence and the key that uses it: signs whatever a test wants signed, honest or not. */
export class HeldLicence {
  /** Next use's count is one more. */
  uses = 0n;

  constructor(
    readonly chain: Pick<Chain, 'deployment'>,
    readonly id: Uint8Array,
    public key: SigningKey,
    /** Whether its calls are counted. */
    readonly isPass: boolean,
  ) {}

  use(call: Call, uses = this.isPass ? this.uses + 1n : 0n): LicencePayment {
    if (uses > this.uses) this.uses = uses;
    const hash = hashUse({ licenceId: this.id, uses, commitment: hashCall(call) });
    const signature = this.key.sign(signingHash(escrowDomain(domainOf(this.chain)), hash));
    return { licenceId: this.id, uses, call, signature };
  }
}

/** Asks a provider about calls with a licence, signing with `key`. */
export function licenceQuestions(client: Client, licence: HeldLicence, key: SigningKey = licence.key) {
  const payments = typedClient(PaymentsDefinition, client);
  const separator = escrowDomain(domainOf(licence.chain));
  const atSec = Math.floor(Date.now() / 1000);
  const sign = (hash: Uint8Array) => key.sign(signingHash(separator, hash));
  const proof = () => {
    const statement = { channelId: licence.id, authorised: 0n, spent: 0n, calls: 0n, atSec };
    return writeStatement({ ...statement, signature: sign(hashStatement(statement)) });
  };
  return {
    getCall: (callId: Uint8Array) => payments.getCall({ callId, proof: proof() }),
    void: (callId: Uint8Array) => {
      const asked = { callId, account: licence.id, atSec };
      return payments.void({ request: writeVoid({ ...asked, signature: sign(hashVoid(asked)) }) });
    },
  };
}

/** An offer of the asset's owner; a subscription of a day unless told otherwise. */
export async function offerLicence(
  chain: Chain,
  owner: HDNodeWallet,
  asset: bigint,
  change: Partial<LicenceOffer> = {},
): Promise<LicenceOffer & { readonly offerId: Uint8Array }> {
  const offer: LicenceOffer = {
    asset,
    tenure: 1,
    kind: 'subscription',
    price: 1_000n,
    spanSec: DAY,
    exclusive: false,
    transferable: false,
    calls: 0n,
    salt: randomBytes(8).readBigUInt64BE(),
    refundable: false,
    revocable: false,
    ...change,
  };
  await send(owner, chain.licences.offer(offer));
  return { ...offer, offerId: await chain.licences.offerId(offer) };
}

/** Offers a licence and buys it, with a key that was made for it. */
export async function buyLicence(
  chain: Chain,
  { owner, buyer, listing }: { owner: HDNodeWallet; buyer: HDNodeWallet; listing: Listing },
  change: Partial<LicenceOffer> = {},
): Promise<HeldLicence> {
  const { offerId, price, kind } = await offerLicence(chain, owner, listing.asset, change);
  await send(buyer, chain.token.mint(buyer.address, price));
  const permit = await chain.token.permit(buyer, chain.licences.address, price, (await chain.nowSec()) + 600);
  const key = newKey();
  const salt = randomBytes(8).readBigUInt64BE();
  const purchase = { offerId, listing: hashListing(listing), signer: key.address, salt };
  await send(buyer, chain.licences.buyWithPermit(purchase, permit));
  return new HeldLicence(chain, await chain.licences.licenceId(buyer.address, offerId, salt), key, kind === 'pass');
}

/** What a call with a licence commits to: it costs nothing. */
export const licensedCall = (listing: Listing, method: string, request: Uint8Array, callId?: Uint8Array): Call =>
  newCall(hashListing(listing), method, request, 0n, callId);

export const licenceMetadata = (payment: LicencePayment): Metadata => {
  const metadata = new Metadata();
  metadata.set('weft-payment-bin', Buffer.from(Payment.encode(writeLicencePayment(payment)).finish()));
  return metadata;
};

export async function callLicensed(
  client: Client,
  path: string,
  request: Uint8Array,
  payment: LicencePayment,
  options: RawCallOptions = {},
): Promise<PaidReply> {
  const metadata = licenceMetadata(payment);
  const reply = await callRaw(client, path, request, { deadlineMs: 20_000, ...options, metadata });
  return { ...reply, ...readTrailers(reply.trailers) };
}
