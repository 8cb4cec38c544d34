import { type BlockTag, type Provider, toBeHex } from 'ethers';
import { fromHex } from '#core/hex.js';
import { interfaceOf } from './artifact.js';
import { type Bytes, hexOf, read, signatureParts, type UnsignedTransaction } from './chain.js';
import type { Position } from './escrow.js';
import { type EventLog, type LastBlock, newestLog, readLogs } from './read-logs.js';
import type { Permit } from './token.js';

/** In the order of the contract's enumeration. */
export const licenceKinds = ['subscription', 'pass', 'rental', 'perpetual'] as const;
export type LicenceKind = (typeof licenceKinds)[number];

export const offerStatuses = ['none', 'open', 'withdrawn'] as const;
export type OfferStatus = (typeof offerStatuses)[number];

export const endReasons = ['refunded', 'revoked', 'reclaimed'] as const;
export type EndReason = (typeof endReasons)[number];

/** In the order of the contract's enumeration. */
export const licenceSkipReasons = [
  'NotOperator',
  'NotRunning',
  'NotAPass',
  'NothingNew',
  'AboveSigned',
  'AboveCalls',
  'Released',
  'BadSignature',
  'NotReleased',
  'NotRefundable',
] as const;
export type LicenceSkipReason = (typeof licenceSkipReasons)[number];

/** What is sold; its hash is the offer's id, so it never changes. */
export interface LicenceOffer {
  readonly asset: bigint;
  readonly tenure: number;
  readonly kind: LicenceKind;
  /** Minor units of the escrow's token; of a subscription, for each period. */
  readonly price: bigint;
  /** A subscription's period, how long a rental runs, when a pass lapses (0: never); 0 for what is perpetual. */
  readonly spanSec: number;
  /** While such a rental runs, no other rental of the asset begins. */
  readonly exclusive: boolean;
  readonly transferable: boolean;
  /** Of a pass, else 0. */
  readonly calls: bigint;
  /** For a second offer of the same terms. */
  readonly salt: bigint;
  /** What has not run off is paid back on demand. */
  readonly refundable: boolean;
  /** The seller may end it, and refunds then. */
  readonly revocable: boolean;
}

export interface LicenceState {
  readonly valid: boolean;
  /** 20 bytes; undefined for one that was never sold or is over. */
  readonly holder: Uint8Array | undefined;
  /** Whose signature admits calls, 20 bytes; undefined while there is none. */
  readonly signer: Uint8Array | undefined;
  /** How many signers it has had. */
  readonly signerNumber: number;
  readonly asset: bigint;
  readonly tenure: number;
  readonly kind: LicenceKind;
  /** 32 bytes; undefined for one that was never sold. */
  readonly offerId: Uint8Array | undefined;
  readonly startSec: number;
  /** Undefined for one that does not lapse. */
  readonly validUntilSec: number | undefined;
  readonly paid: bigint;
  /** The seller's by now. */
  readonly earned: bigint;
  /** Highest count of a pass that was claimed or sealed. */
  readonly uses: bigint;
  /** Of a pass by the chain's count, which is behind the seller's own; undefined for other kinds. */
  readonly callsLeft: bigint | undefined;
}

/** A `Use` of a pass, and how many calls were charged up to it. */
export interface LicenceClaim {
  readonly licenceId: Bytes;
  readonly uses: bigint;
  readonly signedUses: bigint;
  /** Hash of the Use's Call. */
  readonly commitment: Uint8Array;
  /** 64 bytes, `r ‖ vs`. */
  readonly signature: Uint8Array;
}

export type LicenceEvent = Position &
  (
    | { name: 'Offered'; offerId: Uint8Array; offer: LicenceOffer }
    | { name: 'OfferWithdrawn'; offerId: Uint8Array }
    | {
        name: 'Bought';
        licenceId: Uint8Array;
        offerId: Uint8Array;
        buyer: Uint8Array;
        asset: bigint;
        tenure: number;
        price: bigint;
        untilSec: number | undefined;
      }
    | { name: 'Renewed'; licenceId: Uint8Array; payer: Uint8Array; amount: bigint; untilSec: number }
    | { name: 'SignerSet'; licenceId: Uint8Array; signer: Uint8Array | undefined; signerNumber: number }
    | { name: 'Counted'; licenceId: Uint8Array; uses: bigint }
    | { name: 'Earned'; licenceId: Uint8Array; asset: bigint; tenure: number; amount: bigint }
    | { name: 'Ended'; licenceId: Uint8Array; holder: Uint8Array; reason: EndReason; refunded: bigint }
    | { name: 'Skipped'; licenceId: Uint8Array; reason: LicenceSkipReason }
    | { name: 'Pushed'; asset: bigint; tenure: number; amount: bigint }
    | { name: 'Withdrawn'; holder: Uint8Array; to: Uint8Array; amount: bigint }
  );

/** Most entries of one `claim`, `push` or `reclaim`. */
export const MAX_LICENCES = 100;

const NONE = `0x${'0'.repeat(40)}`;
const NEVER = 2 ** 40 - 1;

/**
 * The licences at an address. Methods that change something build the transaction (`send` of chain.js sends it, or sign
 * it yourself); the others read, at the newest block or at `at`.
 */
export class Licences {
  constructor(
    readonly address: string,
    private readonly provider: Provider,
  ) {}

  /** The owner of the asset sends it. */
  offer(offer: LicenceOffer): UnsignedTransaction {
    return this.#build('offer', [termsOf(offer)]);
  }

  withdrawOffer(offerId: Bytes): UnsignedTransaction {
    return this.#build('withdrawOffer', [hexOf(offerId)]);
  }

  /** `listing`: the asset's listing that the buyer agrees to. No signer: named later. The price must be approved. */
  buy(purchase: { offerId: Bytes; listing: Bytes; signer?: Bytes; salt: bigint }): UnsignedTransaction {
    const { offerId, listing, signer = NONE, salt } = purchase;
    return this.#build('buy', [hexOf(offerId), hexOf(listing), hexOf(signer), salt]);
  }

  /** The permit is the token's, of the offer's price, for this contract. */
  buyWithPermit(
    purchase: { offerId: Bytes; listing: Bytes; signer?: Bytes; salt: bigint },
    { deadlineSec, v, r, s }: Permit,
  ): UnsignedTransaction {
    const { offerId, listing, signer = NONE, salt } = purchase;
    const args = [hexOf(offerId), hexOf(listing), hexOf(signer), salt, deadlineSec, v, r, s];
    return this.#build('buyWithPermit', args);
  }

  /** Whole periods later than it ends now; nothing is done, and nothing paid, if it ends as late already. */
  renewTo(licenceId: Bytes, listing: Bytes, untilSec: number): UnsignedTransaction {
    return this.#build('renewTo', [hexOf(licenceId), hexOf(listing), untilSec]);
  }

  renewToWithPermit(
    licenceId: Bytes,
    listing: Bytes,
    untilSec: number,
    permit: Permit & { readonly amount: bigint },
  ): UnsignedTransaction {
    const { amount, deadlineSec, v, r, s } = permit;
    const args = [hexOf(licenceId), hexOf(listing), untilSec, amount, deadlineSec, v, r, s];
    return this.#build('renewToWithPermit', args);
  }

  setSigner(licenceId: Bytes, signer: Bytes): UnsignedTransaction {
    return this.#build('setSigner', [hexOf(licenceId), hexOf(signer)]);
  }

  /** `signature`: the seller's operator's, over `Count`. */
  seal(licenceId: Bytes, count: { uses: bigint; deadlineSec: number; signature: Uint8Array }): UnsignedTransaction {
    const { r, vs } = signatureParts(count.signature);
    return this.#build('seal', [hexOf(licenceId), count.uses, count.deadlineSec, r, vs]);
  }

  transfer(licenceId: Bytes, from: Bytes, to: Bytes): UnsignedTransaction {
    return this.#build('transferFrom', [hexOf(from), hexOf(to), hexOf(licenceId)]);
  }

  refund(licenceId: Bytes): UnsignedTransaction {
    return this.#build('refund', [hexOf(licenceId)]);
  }

  /** The seller sends it. */
  revoke(licenceId: Bytes): UnsignedTransaction {
    return this.#build('revoke', [hexOf(licenceId)]);
  }

  /** Of passes; the operator of the tenure that sold them sends it. */
  claim(claims: readonly LicenceClaim[]): UnsignedTransaction {
    const entries = claims.map(({ licenceId, signature, ...claim }) => ({
      ...claim,
      ...signatureParts(signature),
      licenceId: hexOf(licenceId),
    }));
    return this.#build('claim', [entries]);
  }

  /** Sends what a tenure's licences earned to Revenue, first counting what those named have earned by time. */
  push(asset: bigint, tenure: number, licenceIds: readonly Bytes[]): UnsignedTransaction {
    return this.#build('push', [asset, tenure, licenceIds.map(hexOf)]);
  }

  /** Of refundable passes, from their release on. */
  reclaim(licenceIds: readonly Bytes[]): UnsignedTransaction {
    return this.#build('reclaim', [licenceIds.map(hexOf)]);
  }

  /** Of what the sender was refunded. */
  withdraw(amount: bigint, to: Bytes): UnsignedTransaction {
    return this.#build('withdraw', [amount, hexOf(to)]);
  }

  async state(licenceId: Bytes, at?: BlockTag): Promise<LicenceState> {
    const [state] = await this.#read('state', [hexOf(licenceId)], at);
    const kind = licenceKinds[Number(state.kind)]!;
    const offerId = fromHex(state.offerId, 'offerId', 32);
    return {
      valid: state.valid,
      holder: accountOf(state.holder),
      signer: accountOf(state.signer),
      signerNumber: Number(state.signerNumber),
      asset: state.asset,
      tenure: Number(state.tenure),
      kind,
      offerId: offerId.every((byte) => byte === 0) ? undefined : offerId,
      startSec: Number(state.startSec),
      validUntilSec: untilOf(state.validUntilSec),
      paid: state.paid,
      earned: state.earned,
      uses: state.uses,
      callsLeft: kind === 'pass' ? state.callsLeft : undefined,
    };
  }

  async offerOf(offerId: Bytes, at?: BlockTag): Promise<{ offer: LicenceOffer; status: OfferStatus }> {
    const [terms, status] = await this.#read('offerOf', [hexOf(offerId)], at);
    return { offer: offerFrom(terms), status: offerStatuses[Number(status)]! };
  }

  async offerId(offer: LicenceOffer): Promise<Uint8Array> {
    return fromHex((await this.#read('offerIdOf', [termsOf(offer)]))[0], 'offerId', 32);
  }

  async licenceId(buyer: Bytes, offerId: Bytes, salt: bigint): Promise<Uint8Array> {
    return fromHex((await this.#read('licenceIdOf', [hexOf(buyer), hexOf(offerId), salt]))[0], 'licenceId', 32);
  }

  /** What was earned and waits for a `push`. */
  async due(asset: bigint, tenure: number, at?: BlockTag): Promise<bigint> {
    return (await this.#read('due', [asset, tenure], at))[0];
  }

  /** What a `push` would send on now. */
  async pushable(asset: bigint, tenure: number, licenceIds: readonly Bytes[]): Promise<bigint> {
    return (await this.#read('push', [asset, tenure, licenceIds.map(hexOf)]))[0];
  }

  /** What was refunded to a holder and waits for its `withdraw`. */
  async refundsOf(holder: Bytes, at?: BlockTag): Promise<bigint> {
    return (await this.#read('refunds', [hexOf(holder)], at))[0];
  }

  /** Every offer of an asset, whatever has become of it, oldest first. */
  async offersOf(
    asset: bigint,
    fromBlock: number,
  ): Promise<{ readonly offerId: Uint8Array; readonly offer: LicenceOffer; readonly status: OfferStatus }[]> {
    const logs = await readLogs(this.provider, this.#about('Offered', [null, toBeHex(asset, 32)]), fromBlock);
    return await Promise.all(
      parseLicenceLogs(logs, this.address).flatMap((event) =>
        event.name === 'Offered'
          ? [this.offerOf(event.offerId).then((read) => ({ offerId: event.offerId, ...read }))]
          : [],
      ),
    );
  }

  /** Why a licence is over; undefined if it is not. */
  async endOf(licenceId: Bytes, fromBlock: number): Promise<EndReason | undefined> {
    const event = await this.#newest('Ended', licenceId, fromBlock);
    return event?.name === 'Ended' ? event.reason : undefined;
  }

  /** Hash of the transaction that bought it; undefined if none did. */
  async purchaseOf(licenceId: Bytes, fromBlock: number): Promise<string | undefined> {
    return (await this.#newest('Bought', licenceId, fromBlock))?.transaction;
  }

  /** Events between two blocks, both included, in the chain's order. */
  async events(fromBlock: number, toBlock: LastBlock): Promise<LicenceEvent[]> {
    return parseLicenceLogs(await readLogs(this.provider, { address: this.address }, fromBlock, toBlock), this.address);
  }

  async #newest(name: 'Bought' | 'Ended', licenceId: Bytes, fromBlock: number): Promise<LicenceEvent | undefined> {
    const log = await newestLog(this.provider, this.#about(name, [hexOf(licenceId)]), fromBlock);
    return log && parseLicenceLogs([log], this.address)[0];
  }

  #about(name: LicenceEvent['name'], topics: (string | null)[]) {
    const { topicHash } = interfaceOf('Licences').getEvent(name)!;
    return { address: this.address, topics: [topicHash, ...topics] };
  }

  #build(method: string, args: readonly unknown[]): UnsignedTransaction {
    return { to: this.address, data: interfaceOf('Licences').encodeFunctionData(method, args) };
  }

  #read(method: string, args: readonly unknown[], at?: BlockTag) {
    return read(this.provider, 'Licences', this.address, method, args, at);
  }
}

/** The events of the licences at `address` among logs, ERC-721's own left out. */
export function parseLicenceLogs(logs: readonly EventLog[], address: string): LicenceEvent[] {
  return logs.flatMap((log): LicenceEvent[] => {
    if (log.address.toLowerCase() !== address.toLowerCase()) return [];
    const parsed = interfaceOf('Licences').parseLog(log);
    if (!parsed) return [];
    const at = { blockNumber: log.blockNumber, logIndex: log.index, transaction: log.transactionHash };
    const arg = parsed.args;
    const id = (name = 'licenceId') => fromHex(arg[name], name, 32);
    const account = (name: string) => fromHex(arg[name], name, 20);
    switch (parsed.name) {
      case 'Offered':
        return [{ ...at, name: 'Offered', offerId: id('offerId'), offer: offerFrom(arg.offer) }];
      case 'OfferWithdrawn':
        return [{ ...at, name: 'OfferWithdrawn', offerId: id('offerId') }];
      case 'Bought': {
        const { asset, price } = arg;
        const sale = { asset, tenure: Number(arg.tenure), price, untilSec: untilOf(arg.untilSec) };
        return [{ ...at, name: 'Bought', licenceId: id(), offerId: id('offerId'), buyer: account('buyer'), ...sale }];
      }
      case 'Renewed': {
        const { amount } = arg;
        return [
          { ...at, name: 'Renewed', licenceId: id(), payer: account('payer'), amount, untilSec: Number(arg.untilSec) },
        ];
      }
      case 'SignerSet': {
        const [signer, signerNumber] = [accountOf(arg.signer), Number(arg.signerNumber)];
        return [{ ...at, name: 'SignerSet', licenceId: id(), signer, signerNumber }];
      }
      case 'Counted':
        return [{ ...at, name: 'Counted', licenceId: id(), uses: arg.uses }];
      case 'Earned': {
        const { asset, amount } = arg;
        return [{ ...at, name: 'Earned', licenceId: id(), asset, tenure: Number(arg.tenure), amount }];
      }
      case 'Ended': {
        const [reason, refunded] = [endReasons[Number(arg.reason)]!, arg.refunded];
        return [{ ...at, name: 'Ended', licenceId: id(), holder: account('holder'), reason, refunded }];
      }
      case 'Skipped':
        return [{ ...at, name: 'Skipped', licenceId: id(), reason: licenceSkipReasons[Number(arg.reason)]! }];
      case 'Pushed':
        return [{ ...at, name: 'Pushed', asset: arg.asset, tenure: Number(arg.tenure), amount: arg.amount }];
      case 'Withdrawn':
        return [{ ...at, name: 'Withdrawn', holder: account('holder'), to: account('to'), amount: arg.amount }];
      default:
        return [];
    }
  });
}

const termsOf = (offer: LicenceOffer) => ({ ...offer, kind: licenceKinds.indexOf(offer.kind) });

const offerFrom = (terms: Record<keyof LicenceOffer, never>): LicenceOffer => ({
  asset: terms.asset,
  tenure: Number(terms.tenure),
  kind: licenceKinds[Number(terms.kind)]!,
  price: terms.price,
  spanSec: Number(terms.spanSec),
  exclusive: terms.exclusive,
  transferable: terms.transferable,
  calls: terms.calls,
  salt: terms.salt,
  refundable: terms.refundable,
  revocable: terms.revocable,
});

const accountOf = (address: string): Uint8Array | undefined =>
  address === NONE ? undefined : fromHex(address, 'address', 20);

const untilOf = (sec: bigint): number | undefined => (Number(sec) === NEVER ? undefined : Number(sec));
