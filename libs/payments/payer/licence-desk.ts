import { randomBytes } from 'node:crypto';
import { type LicenceOffer, type LicenceState, type Licences } from '#contracts/licences.js';
import { WeftError } from '#core/errors.js';
import { sameBytes, toHex } from '#core/hex.js';
import { Turns } from '#core/turns.js';
import { type Count, type Domain, escrowDomain, hashCount, signingHash } from '../typed-data.js';
import type { ChannelKeys } from './channel-keys.js';
import { checkLength } from './check-length.js';
import type { TokenEntry } from './ledger/ledger-state.js';
import type { LicenceBook } from './licence-book.js';
import { checkUnlimited, type LicenceCalls, licencesOf } from './licence-calls.js';
import type { PayerChain } from './payer-chain.js';
import type { ProviderPayments } from './provider-payments.js';
import type { BoughtLicence, HeldLicence, LicencePurchase } from './wallet.js';

export interface LicenceDeskParts {
  readonly book: LicenceBook;
  readonly chain: PayerChain;
  readonly keys: ChannelKeys;
  readonly domain: Domain;
  readonly payer: Uint8Array;
  readonly providers: ProviderPayments;
  readonly calls: LicenceCalls;
  /** Throws when the wallet may not decide anything any more. */
  readonly checkOpen: () => void;
  readonly warn: (message: string, details: Record<string, unknown>) => void;
}

const PERMIT_SEC = 3_600;
const SEAL_SEC = 1_800;

/** Buys licences, passes them on, and gives back what can be given back. */
export class LicenceDesk {
  readonly #separator: Buffer;
  /** A key is made from how many signers the chain has seen: of two namings at once one would name the wrong key. */
  readonly #turns = new Turns();
  /** Last purchase of an offer, until it was seen to succeed: one that was said to have failed may have been mined yet. */
  readonly #failed = new Map<string, Uint8Array>();

  constructor(private readonly parts: LicenceDeskParts) {
    this.#separator = escrowDomain(parts.domain);
  }

  /** Every licence that this wallet bought or took into use, as the chain shows it. */
  async list(): Promise<HeldLicence[]> {
    const entries = await this.parts.book.all();
    return await Promise.all(
      entries.map(async ({ id, offerId, signed }) => {
        const state = await licencesOf(this.parts.chain).state(id);
        return { ...state, licenceId: id, offerId: state.offerId ?? offerId, signed };
      }),
    );
  }

  /**
   * With a permit, in one transaction, if the token takes permits. Asked for again after it failed, it gives what was
   * bought all the same. Errors: FUNDS_TOO_LOW, PRICE_ABOVE_LIMIT, a revert's.
   */
  async buy(purchase: LicencePurchase, token?: TokenEntry): Promise<BoughtLicence> {
    this.parts.checkOpen();
    checkUnlimited(token);
    checkLength(purchase.offerId, 'offerId', 32);
    checkLength(purchase.listing, 'listing', 32);
    return await this.#turns.take(`offer ${toHex(purchase.offerId)}`, () => this.#buy(purchase));
  }

  async #buy({ offerId, listing, maxPrice }: LicencePurchase): Promise<BoughtLicence> {
    const { chain, book, keys, payer } = this.parts;
    const licences = licencesOf(this.parts.chain);
    const { offer, status } = await licences.offerOf(offerId);
    if (status !== 'open')
      throw new WeftError('NOT_FOUND', status === 'none' ? 'there is no such offer' : 'the offer was withdrawn', {
        offerId: toHex(offerId),
      });
    checkPrice(offer.price, maxPrice);
    await chain.settled();
    const failed = this.#failed.get(toHex(offerId));
    const earlier = failed && (await licences.purchaseOf(failed, chain.options.fromBlock));
    this.#failed.delete(toHex(offerId));
    if (failed !== undefined && earlier !== undefined)
      return { licenceId: failed, transaction: earlier, price: offer.price };
    const salt = randomBytes(8).readBigUInt64BE();
    const licenceId = await licences.licenceId(payer, offerId, salt);
    const signer = keys.licenceKey(licenceId, 1).address;
    await book.add(licenceId, offerId);
    this.#failed.set(toHex(offerId), licenceId);
    const purchase = { offerId, listing, signer, salt };
    const transaction = await this.#pay(
      offer.price,
      () => licences.buy(purchase),
      (permit) => licences.buyWithPermit(purchase, permit),
    );
    this.#failed.delete(toHex(offerId));
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
    const licences = licencesOf(this.parts.chain);
    const transaction = await this.#pay(
      price,
      () => licences.renewTo(licenceId, listing, untilSec),
      (permit) => licences.renewToWithPermit(licenceId, listing, untilSec, { amount: price, ...permit }),
    );
    this.parts.calls.forget(licenceId);
    return { transaction, price };
  }

  /** Ends it, a pass at what its provider signs as served, and pays what has not run off out to the payer's tokens. */
  async refund(
    licenceId: Uint8Array,
    endpoints: readonly string[],
    token?: TokenEntry,
  ): Promise<{ transaction: string; refunded: bigint }> {
    const { chain, payer } = this.parts;
    const licences = licencesOf(chain);
    return await this.#holding(licenceId, token, async (held) => {
      if (!held.offer.refundable)
        throw new WeftError('INVALID_INPUT', 'its seller refunds nothing of this licence', { field: 'licenceId' });
      if (isInUse(held)) await this.#seal(held, endpoints);
      const transaction = await chain.send(licences.refund(licenceId));
      const refunded = await licences.refundsOf(payer);
      if (refunded > 0n) await chain.send(licences.withdraw(refunded, payer));
      return { transaction, refunded };
    });
  }

  /** Ends a pass's use by its present signer, at what its provider signs as served; done already, nothing is sent. */
  async seal(
    licenceId: Uint8Array,
    endpoints: readonly string[],
    token?: TokenEntry,
  ): Promise<{ uses: bigint; transaction: string | undefined }> {
    return await this.#holding(licenceId, token, async (held) => {
      const { offer, state } = held;
      if (offer.kind !== 'pass')
        throw new WeftError('INVALID_INPUT', `a ${offer.kind} counts no calls, so there is nothing to seal`, {
          field: 'licenceId',
        });
      return isInUse(held) ? await this.#seal(held, endpoints) : { uses: state.uses, transaction: undefined };
    });
  }

  /**
   * Names who signs calls from now on: a key of this wallet, unless another is given. So a licence is taken into use that
   * the wallet was given, or bought and forgot; done already, nothing is sent.
   */
  async setSigner(
    licenceId: Uint8Array,
    signer: Uint8Array | undefined,
    endpoints: readonly string[],
    token?: TokenEntry,
  ): Promise<{ signer: Uint8Array; transaction: string | undefined }> {
    if (signer !== undefined) checkAddress(signer, 'signer');
    const { book, chain, keys } = this.parts;
    return await this.#holding(licenceId, token, async (held) => {
      const { offerId, offer, state } = held;
      const present = signer ?? keys.presentLicenceKey(licenceId, state).address;
      // Of a pass that the ledger has lost nobody here knows what was signed: it goes on with another key.
      const isKnown = signer !== undefined || offer.kind !== 'pass' || (await book.find(licenceId)) !== undefined;
      const isNamed = isKnown && state.signer !== undefined && sameBytes(state.signer, present);
      if (!isNamed && isInUse(held)) await this.#seal(held, endpoints);
      // Before it is named: what the chain has by then must not be lost here.
      if (signer === undefined) await book.add(licenceId, offerId);
      if (isNamed) return { signer: present, transaction: undefined };
      const named = signer ?? keys.licenceKey(licenceId, state.signerNumber + 1).address;
      const transaction = await chain.send(licencesOf(chain).setSigner(licenceId, named));
      return { signer: named, transaction };
    });
  }

  /** Gives it to another holder, who names a signer; a pass is sealed first. */
  async transfer(
    licenceId: Uint8Array,
    to: Uint8Array,
    endpoints: readonly string[],
    token?: TokenEntry,
  ): Promise<{ transaction: string }> {
    const { chain, payer } = this.parts;
    checkAddress(to, 'to');
    if (sameBytes(to, payer))
      throw new WeftError('INVALID_INPUT', 'to must be somebody else: that is this wallet’s own address', {
        field: 'to',
      });
    return await this.#holding(licenceId, token, async (held) => {
      if (!held.offer.transferable)
        throw new WeftError('INVALID_INPUT', 'its seller sold this licence as one that cannot be passed on', {
          field: 'licenceId',
        });
      if (isInUse(held)) await this.#seal(held, endpoints);
      return { transaction: await chain.send(licencesOf(chain).transfer(licenceId, payer, to)) };
    });
  }

  /** The provider freezes the pass and signs its count; so whatever it says of open calls afterwards is final. */
  async #seal(
    { licenceId, state }: Held,
    given: readonly string[],
  ): Promise<{ uses: bigint; transaction: string | undefined }> {
    const { book, chain, providers, calls, warn } = this.parts;
    const key = calls.key(licenceId, state);
    const known = await book.find(licenceId);
    const endpoints = given.length > 0 ? given : (known?.endpoints ?? []);
    const deadlineSec = (await chain.readTime()) + SEAL_SEC;
    const wish = { licenceId, uses: state.uses, signerNumber: state.signerNumber, deadlineSec };
    const signature = key.sign(signingHash(this.#separator, hashCount(wish)));
    const count = await providers.count({ endpoints, asset: state.asset }, { ...wish, signature });
    if (known === undefined)
      warn('a pass is sealed at what its provider counts: what was signed with it was lost with an earlier ledger', {
        licence: toHex(licenceId),
        uses: String(count.uses),
      });
    else await this.#checkCount(licenceId, count, state, endpoints);
    const transaction = await chain.send(licencesOf(chain).seal(licenceId, count));
    return { uses: count.uses, transaction };
  }

  async #checkCount(licenceId: Uint8Array, { uses }: Count, onChain: LicenceState, endpoints: readonly string[]) {
    const { book, calls, warn } = this.parts;
    await calls.clear(licenceId, endpoints).catch((error: unknown) => {
      const { reason, message } = WeftError.from(error);
      warn('a provider did not say what became of calls', { licence: toHex(licenceId), reason, message });
    });
    const most = await book.most(licenceId, onChain);
    if (uses <= most) return;
    throw new WeftError('RECEIPT_INVALID', `the provider counts ${uses} calls, and at most ${most} were made`, {
      uses: String(uses),
      most: String(most),
    });
  }

  /** One thing at a time with a licence that this wallet's payer holds. Errors: PERMISSION_DENIED if somebody else does. */
  async #holding<T>(
    licenceId: Uint8Array,
    token: TokenEntry | undefined,
    work: (held: Held) => Promise<T>,
  ): Promise<T> {
    const { chain, payer, calls, checkOpen } = this.parts;
    checkOpen();
    checkUnlimited(token);
    checkLength(licenceId, 'licenceId', 32);
    return await this.#turns.take(toHex(licenceId), async () => {
      // What an earlier attempt sent may have changed holder, signer or count already.
      await chain.settled();
      const held = await this.#running(licenceId);
      const { holder } = held.state;
      if (holder !== undefined && !sameBytes(holder, payer))
        throw new WeftError(
          'PERMISSION_DENIED',
          `the licence is held by ${toHex(holder)}, not by this wallet, ${toHex(payer)}`,
          { holder: toHex(holder) },
        );
      try {
        return await work(held);
      } finally {
        calls.forget(licenceId);
      }
    });
  }

  async #running(licenceId: Uint8Array): Promise<Held> {
    checkLength(licenceId, 'licenceId', 32);
    const licences = licencesOf(this.parts.chain);
    const state = await licences.state(licenceId);
    if (state.offerId === undefined) throw new WeftError('LICENCE_UNKNOWN', 'there is no such licence');
    if (state.holder === undefined)
      throw new WeftError('LICENCE_ENDED', 'the licence was refunded or revoked', { end: 'unknown' });
    return { licenceId, offerId: state.offerId, state, offer: (await licences.offerOf(state.offerId)).offer };
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
    const { address } = licencesOf(this.parts.chain);
    const deadlineSec = (await chain.readTime()) + PERMIT_SEC;
    const permit = await chain.token.permit(chain.payer, address, amount, deadlineSec).catch(() => undefined);
    if (permit !== undefined) return await chain.send(permitted(permit));
    await chain.send(chain.token.approve(address, amount));
    return await chain.send(approved());
  }
}

/** A licence that is not over. */
interface Held {
  readonly licenceId: Uint8Array;
  readonly offerId: Uint8Array;
  readonly offer: LicenceOffer;
  readonly state: LicenceState;
}

/** Only its provider knows then how many calls are left. */
const isInUse = ({ offer, state }: Held): boolean => offer.kind === 'pass' && state.signer !== undefined;

function checkAddress(address: Uint8Array, field: string): void {
  checkLength(address, field, 20);
  if (address.every((byte) => byte === 0))
    throw new WeftError('INVALID_INPUT', `${field} must be somebody's address, not the zero address`, { field });
}

function checkPrice(price: bigint, maxPrice: bigint | undefined): void {
  if (maxPrice === undefined || price <= maxPrice) return;
  throw new WeftError('PRICE_ABOVE_LIMIT', `the licence costs ${price}, and ${maxPrice} is allowed`, {
    price: String(price),
    maxPrice: String(maxPrice),
  });
}
