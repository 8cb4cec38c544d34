import { randomBytes } from 'node:crypto';
import { type LicenceOffer, type LicenceState, type Licences } from '#contracts/licences.js';
import { WeftError } from '#core/errors.js';
import { sameBytes, toHex } from '#core/hex.js';
import { Receipt as ReceiptMessage } from '#protos/weft/payment/v1/payment.js';
import { recover, type SigningKey } from '../signature.js';
import {
  type Call,
  type Domain,
  escrowDomain,
  hashCall,
  hashCount,
  hashReceipt,
  hashUse,
  type Receipt,
  signingHash,
} from '../typed-data.js';
import { type LicencePayment, type Signed, writeReceipt } from '../wire.js';
import type { ChannelKeys } from './channel-keys.js';
import { checkLength } from './check-length.js';
import type { TokenEntry } from './ledger/ledger-state.js';
import type { LicenceBook } from './licence-book.js';
import type { PayerChain } from './payer-chain.js';
import type { ProviderPayments } from './provider-payments.js';
import type { BoughtLicence, CallEnd, HeldLicence, LicencePurchase } from './wallet.js';

export interface LicenceDeskParts {
  readonly book: LicenceBook;
  readonly chain: PayerChain;
  readonly keys: ChannelKeys;
  readonly domain: Domain;
  readonly payer: Uint8Array;
  readonly providers: ProviderPayments;
  /** Throws when the wallet may not decide anything any more. */
  readonly checkOpen: () => void;
}

const PERMIT_SEC = 3_600;
const SEAL_SEC = 1_800;
const SKEW_SEC = 300;
/** What the chain said of a licence is believed for so long when a call is signed. */
const TRUSTED_MS = 3_000;

/** Buys licences, signs calls with them, and gives back what can be given back. */
export class LicenceDesk {
  readonly #separator: Buffer;
  readonly #states = new Map<string, { readonly state: LicenceState; readonly atMs: number }>();

  constructor(private readonly parts: LicenceDeskParts) {
    this.#separator = escrowDomain(parts.domain);
  }

  /** Every licence that this wallet bought, as the chain shows it. */
  async list(): Promise<HeldLicence[]> {
    const entries = await this.parts.book.all();
    return await Promise.all(
      entries.map(async ({ id, offerId, signed }) => {
        const state = await this.#licences().state(id);
        return { ...state, licenceId: id, offerId: state.offerId ?? offerId, signed };
      }),
    );
  }

  /** With a permit, in one transaction, if the token takes permits. Errors: FUNDS_TOO_LOW, PRICE_ABOVE_LIMIT, a revert's. */
  async buy({ offerId, listing, maxPrice }: LicencePurchase, token?: TokenEntry): Promise<BoughtLicence> {
    this.parts.checkOpen();
    checkUnlimited(token);
    checkLength(offerId, 'offerId', 32);
    checkLength(listing, 'listing', 32);
    const { chain, book, keys, payer } = this.parts;
    const licences = this.#licences();
    const { offer, status } = await licences.offerOf(offerId);
    if (status !== 'open')
      throw new WeftError('NOT_FOUND', status === 'none' ? 'there is no such offer' : 'the offer was withdrawn', {
        offerId: toHex(offerId),
      });
    checkPrice(offer.price, maxPrice);
    // What an earlier attempt sent may have bought it already; it is seen by whoever lists.
    await chain.settled();
    const salt = randomBytes(8).readBigUInt64BE();
    const licenceId = await licences.licenceId(payer, offerId, salt);
    const signer = keys.licenceKey(licenceId, 1).address;
    await book.add(licenceId, offerId);
    const purchase = { offerId, listing, signer, salt };
    const transaction = await this.#pay(
      offer.price,
      () => licences.buy(purchase),
      (permit) => licences.buyWithPermit(purchase, permit),
    );
    return { licenceId, transaction, price: offer.price };
  }

  /** Moves a subscription's end by whole periods. */
  async renew(
    licenceId: Uint8Array,
    { listing, periods, maxPrice }: { listing: Uint8Array; periods: number; maxPrice: bigint | undefined },
    token?: TokenEntry,
  ): Promise<{ transaction: string; price: bigint }> {
    this.parts.checkOpen();
    checkUnlimited(token);
    checkLength(listing, 'listing', 32);
    if (!Number.isSafeInteger(periods) || periods < 1)
      throw new WeftError('INVALID_INPUT', 'periods must be 1 or more', { field: 'periods' });
    const { offer, state } = await this.#running(licenceId);
    if (offer.kind !== 'subscription' || state.validUntilSec === undefined)
      throw new WeftError('INVALID_INPUT', `a ${offer.kind} cannot be renewed; buy another`, { field: 'licenceId' });
    const price = offer.price * BigInt(periods);
    checkPrice(price, maxPrice);
    const untilSec = state.validUntilSec + periods * offer.spanSec;
    const licences = this.#licences();
    const transaction = await this.#pay(
      price,
      () => licences.renewTo(licenceId, listing, untilSec),
      (permit) => licences.renewToWithPermit(licenceId, listing, untilSec, { amount: price, ...permit }),
    );
    this.#states.delete(toHex(licenceId));
    return { transaction, price };
  }

  /** Ends it, a pass at what its provider signs as served, and pays what has not run off out to the payer's tokens. */
  async refund(
    licenceId: Uint8Array,
    endpoints: readonly string[],
    token?: TokenEntry,
  ): Promise<{ transaction: string; refunded: bigint }> {
    this.parts.checkOpen();
    checkUnlimited(token);
    const { chain, payer, providers } = this.parts;
    const licences = this.#licences();
    const { offer, state } = await this.#running(licenceId);
    if (!offer.refundable)
      throw new WeftError('INVALID_INPUT', 'its seller refunds nothing of this licence', { field: 'licenceId' });
    if (offer.kind === 'pass' && state.signer !== undefined) {
      const key = this.#key(licenceId, state);
      const deadlineSec = (await chain.readTime()) + SEAL_SEC;
      const wish = { licenceId, uses: state.uses, signerNumber: state.signerNumber, deadlineSec };
      const signature = key.sign(signingHash(this.#separator, hashCount(wish)));
      const count = await providers.count({ endpoints, asset: state.asset }, { ...wish, signature });
      const most = await this.parts.book.most(licenceId);
      if (count.uses > most)
        throw new WeftError(
          'RECEIPT_INVALID',
          `the provider counts ${count.uses} calls, and at most ${most} were made`,
          {
            uses: String(count.uses),
            most: String(most),
          },
        );
      await chain.send(licences.seal(licenceId, count));
    }
    const transaction = await chain.send(licences.refund(licenceId));
    const refunded = await licences.refundsOf(payer);
    if (refunded > 0n) await chain.send(licences.withdraw(refunded, payer));
    this.#states.delete(toHex(licenceId));
    return { transaction, refunded };
  }

  /** Signs one call, once that is durable; it costs nothing, so a licence is used by tokens without limits alone. */
  async sign(licenceId: Uint8Array, call: Call, token?: TokenEntry): Promise<LicencePayment> {
    this.parts.checkOpen();
    checkUnlimited(token);
    for (const field of ['callId', 'listing', 'requestDigest'] as const) checkLength(call[field], field, 32);
    if (call.maxAmount !== 0n)
      throw new WeftError('INVALID_INPUT', 'a call with a licence costs nothing: maxAmount must be 0', {
        field: 'maxAmount',
      });
    const state = await this.#state(licenceId);
    const key = this.#key(licenceId, state);
    const commitment = hashCall(call);
    const calls = state.callsLeft === undefined ? 0n : state.uses + state.callsLeft;
    const { signerNumber, uses: counted } = state;
    const reserved = { signerNumber, uses: counted, calls };
    const uses = await this.parts.book.reserve(licenceId, { callId: call.callId, commitment }, reserved);
    const signature = key.sign(signingHash(this.#separator, hashUse({ licenceId, uses, commitment })));
    return { licenceId, uses, call, signature };
  }

  /** A receipt is verified before it counts. Errors: RECEIPT_INVALID. */
  async settle(licenceId: Uint8Array, callId: Uint8Array, end: CallEnd, token?: TokenEntry): Promise<void> {
    checkUnlimited(token);
    checkLength(licenceId, 'licenceId', 32);
    checkLength(callId, 'callId', 32);
    if (end === 'unclear') return; // sent again it is answered again; until then it counts
    if (end === 'not-charged') return await this.parts.book.settle(licenceId, callId, undefined);
    const fault = await this.#faultOf(licenceId, callId, end.receipt);
    if (fault !== undefined)
      throw new WeftError('RECEIPT_INVALID', `the receipt does not hold: its ${fault} is another`, { field: fault });
    const receipt = ReceiptMessage.encode(writeReceipt(end.receipt)).finish();
    await this.parts.book.settle(licenceId, callId, receipt);
  }

  async #faultOf(licenceId: Uint8Array, callId: Uint8Array, receipt: Signed<Receipt>): Promise<string | undefined> {
    const [state, commitment] = await Promise.all([
      this.#state(licenceId),
      this.parts.book.commitment(licenceId, callId),
    ]);
    if (commitment === undefined || !sameBytes(receipt.commitment, commitment)) return 'commitment';
    if (!sameBytes(receipt.callId, callId)) return 'callId';
    if (!sameBytes(receipt.account, licenceId)) return 'account';
    if (receipt.amount !== 0n) return 'amount';
    if (receipt.asset !== state.asset || receipt.tenure !== state.tenure) return 'asset';
    const signer = recover(signingHash(this.#separator, hashReceipt(receipt)), receipt.signature);
    const span = signer && (await this.parts.chain.span(receipt.asset, signer));
    const { servedAtSec, tenure } = receipt;
    const holds =
      span?.tenure === tenure &&
      span.fromSec <= servedAtSec + SKEW_SEC &&
      (span.untilSec ?? servedAtSec) >= servedAtSec;
    return holds ? undefined : 'signature';
  }

  async #state(licenceId: Uint8Array): Promise<LicenceState> {
    checkLength(licenceId, 'licenceId', 32);
    const key = toHex(licenceId);
    const known = this.#states.get(key);
    if (known !== undefined && Date.now() - known.atMs < TRUSTED_MS) return known.state;
    const state = await this.#licences().state(licenceId);
    if (this.#states.size > 1_000) this.#states.clear();
    this.#states.set(key, { state, atMs: Date.now() });
    return state;
  }

  async #running(licenceId: Uint8Array): Promise<{ offer: LicenceOffer; state: LicenceState }> {
    checkLength(licenceId, 'licenceId', 32);
    const licences = this.#licences();
    const state = await licences.state(licenceId);
    if (state.offerId === undefined) throw new WeftError('LICENCE_UNKNOWN', 'there is no such licence');
    if (state.holder === undefined)
      throw new WeftError('LICENCE_ENDED', 'the licence was refunded or revoked', { end: 'unknown' });
    return { state, offer: (await licences.offerOf(state.offerId)).offer };
  }

  /** The key that the chain names as signer. Errors: LICENCE_SEALED, LICENCE_UNKNOWN if it is not ours. */
  #key(licenceId: Uint8Array, { signer, signerNumber, holder }: LicenceState): SigningKey {
    if (holder !== undefined && signer === undefined)
      throw new WeftError('LICENCE_SEALED', 'the licence takes no calls until its holder names a new signer for it');
    // One that is over still has its key: what it was answered can be fetched again.
    const key = this.parts.keys.licenceKey(licenceId, Math.max(signerNumber, 1));
    if (signer !== undefined && !sameBytes(key.address, signer))
      throw new WeftError('LICENCE_UNKNOWN', 'this wallet has no key for that licence');
    return key;
  }

  /** Sends what costs `amount`; what the payer's tokens lack comes out of the escrow first. */
  async #pay(
    amount: bigint,
    approved: () => ReturnType<Licences['buy']>,
    permitted: (permit: Awaited<ReturnType<PayerChain['token']['permit']>>) => ReturnType<Licences['buy']>,
  ): Promise<string> {
    const { chain, payer } = this.parts;
    const { free, inToken } = await chain.funds();
    if (free + inToken < amount)
      throw new WeftError(
        'FUNDS_TOO_LOW',
        `the payer has ${inToken} in the token and ${free} free in the escrow; the licence costs ${amount}`,
        { needed: String(amount), free: String(free), inToken: String(inToken), payer: toHex(payer) },
      );
    if (inToken < amount) await chain.send(chain.escrow.withdraw(amount - inToken, payer));
    const { address } = this.#licences();
    const deadlineSec = (await chain.readTime()) + PERMIT_SEC;
    const permit = await chain.token.permit(chain.payer, address, amount, deadlineSec).catch(() => undefined);
    if (permit !== undefined) return await chain.send(permitted(permit));
    await chain.send(chain.token.approve(address, amount));
    return await chain.send(approved());
  }

  #licences(): Licences {
    const { licences } = this.parts.chain;
    if (licences === undefined)
      throw new WeftError(
        'CONFIG_INVALID',
        'this marketplace has no licences: its contracts are of an earlier version',
      );
    return licences;
  }
}

/** A program that may spend only so much may neither buy licences nor use up those that were bought for others. */
function checkUnlimited(token: TokenEntry | undefined): void {
  const { total, perCall, perDay } = token?.limits ?? {};
  if (total === undefined && perCall === undefined && perDay === undefined) return;
  throw new WeftError('LIMIT_EXCEEDED', 'a token with limits neither buys nor uses licences', { token: token!.name });
}

function checkPrice(price: bigint, maxPrice: bigint | undefined): void {
  if (maxPrice === undefined || price <= maxPrice) return;
  throw new WeftError('PRICE_ABOVE_LIMIT', `the licence costs ${price}, and ${maxPrice} is allowed`, {
    price: String(price),
    maxPrice: String(maxPrice),
  });
}
