import { once } from '#core/once.js';
import { type Price, priceKinds } from '#core/price.js';
import { keccakList, keccakText, keccakWords } from './abi.js';

/*
 * The EIP-712 structs of PROTOCOL section 1, hashed without a general encoder: the general one costs more than the
 * signature it is for. `typed-data.spec.ts` holds every hash against ethers' TypedDataEncoder.
 *
 * Byte strings: addresses have 20 bytes, ids and digests 32.
 */

const CALL = 'Call(bytes32 callId,bytes32 listing,string method,bytes32 requestDigest,uint96 maxAmount)';
const PRICE = 'Price(string method,uint8 kind,string unit,uint96 rate,uint64 per,uint96 maxAmount)';
const PIN = 'Pin(string step,bytes32 listing,string method,uint32 calls,uint96 maxPerCall)';

export const typeStrings = {
  Call: CALL,
  Voucher: `Voucher(bytes32 channelId,uint96 cumulative,Call call)${CALL}`,
  Use: `Use(bytes32 licenceId,uint64 uses,Call call)${CALL}`,
  Count: 'Count(bytes32 licenceId,uint64 uses,uint16 signerNumber,uint40 deadlineSec)',
  JobCall: `JobCall(bytes32 jobId,uint8 step,Call call)${CALL}`,
  Receipt:
    'Receipt(bytes32 callId,bytes32 account,uint64 asset,uint32 tenure,bytes32 commitment,bytes32 responseDigest,uint64 units,uint96 amount,uint8 outcome,uint40 servedAtSec)',
  Void: 'Void(bytes32 callId,bytes32 account,uint40 atSec)',
  Statement: 'Statement(bytes32 channelId,uint96 authorised,uint96 spent,uint64 calls,uint40 atSec)',
  Close: 'Close(bytes32 channelId,uint96 spent,uint40 deadlineSec)',
  Price: PRICE,
  Listing: `Listing(uint64 asset,uint32 tenure,uint24 version,bytes32 previous,bytes32 contractDigest,Price[] prices,string[] endpoints,bytes32 docsDigest,address escrow,uint96 minChannel,uint32 honourSec,uint32 retainSec,uint40 publishedAtSec)${PRICE}`,
  Pin: PIN,
  Quote: `Quote(bytes32 quoteId,address payer,Pin[] pins,uint96 maxTotal,uint40 expiresAtSec)${PIN}`,
} as const;

const typeHash = Object.fromEntries(
  Object.entries(typeStrings).map(([name, text]) => [name, keccakText(text)]),
) as unknown as Record<keyof typeof typeStrings, Buffer>;

/** What an EIP-712 signature is bound to. */
export interface Domain {
  readonly chainId: bigint;
  /** 20 bytes: the escrow, or Assets for listings. */
  readonly verifyingContract: Uint8Array;
}

const domainType = keccakText('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)');
const version1 = keccakText('1');
const domainSeparator = (name: string, { chainId, verifyingContract }: Domain): Buffer =>
  keccakWords([domainType, keccakText(name), version1, chainId, verifyingContract]);

/** Domain of vouchers, uses, counts, receipts, voids, statements, closes and quotes. */
export const escrowDomain = (domain: Domain): Buffer => domainSeparator('Weft Escrow', domain);
/** Domain of listings. */
export const assetsDomain = (domain: Domain): Buffer => domainSeparator('Weft Assets', domain);

const PREFIX = Buffer.from([0x19, 0x01]);

/** The 32 bytes that are signed. */
export const signingHash = (separator: Uint8Array, structHash: Uint8Array): Buffer =>
  keccakList([PREFIX, separator, structHash]);

export interface ChannelTerms {
  readonly payer: Uint8Array;
  readonly signer: Uint8Array;
  readonly asset: bigint;
  readonly tenure: number;
  readonly salt: bigint;
}

/** `H(abi.encode(chainid, escrow, payer, signer, asset, tenure, salt))`. */
export const channelId = (terms: ChannelTerms, { chainId, verifyingContract }: Domain): Buffer =>
  keccakWords([chainId, verifyingContract, terms.payer, terms.signer, terms.asset, terms.tenure, terms.salt]);

export interface Call {
  readonly callId: Uint8Array;
  readonly listing: Uint8Array;
  readonly method: string;
  readonly requestDigest: Uint8Array;
  readonly maxAmount: bigint;
}

const methodHashes = new Map<string, Buffer>();

/** Method names come in small numbers; the bound is there because some of them come from strangers. */
function methodHash(method: string): Buffer {
  const known = methodHashes.get(method);
  if (known) return known;
  const hash = keccakText(method);
  if (methodHashes.size < 10_000) methodHashes.set(method, hash);
  return hash;
}

/** The commitment: ties a voucher to one request. Hashed once: who makes a call and his embedded wallet both ask for it. */
export const hashCall = once((call: Call) =>
  keccakWords([typeHash.Call, call.callId, call.listing, methodHash(call.method), call.requestDigest, call.maxAmount]),
);

/** `commitment` is the hash of the voucher's Call. */
export const hashVoucher = (voucher: { channelId: Uint8Array; cumulative: bigint; commitment: Uint8Array }): Buffer =>
  keccakWords([typeHash.Voucher, voucher.channelId, voucher.cumulative, voucher.commitment]);

/** One call with a licence; `uses` is cumulative as a voucher's amount is, and 0 for licences that count no calls. */
export const hashUse = (use: { licenceId: Uint8Array; uses: bigint; commitment: Uint8Array }): Buffer =>
  keccakWords([typeHash.Use, use.licenceId, use.uses, use.commitment]);

/** How often a pass was used under its present signer, by the seller's operator. */
export interface Count {
  readonly licenceId: Uint8Array;
  readonly uses: bigint;
  readonly signerNumber: number;
  readonly deadlineSec: number;
}

export const hashCount = (c: Count): Buffer =>
  keccakWords([typeHash.Count, c.licenceId, c.uses, c.signerNumber, c.deadlineSec]);
/** Gives a step of a job to one call. `commitment` is the hash of that Call. */
export const hashJobCall = (spend: { jobId: Uint8Array; step: number; commitment: Uint8Array }): Buffer =>
  keccakWords([typeHash.JobCall, spend.jobId, spend.step, spend.commitment]);

/** The numbers are those of the signed form. */
export const outcomes = { complete: 1, partial: 2 } as const;
export type Outcome = keyof typeof outcomes;

export interface Receipt {
  readonly callId: Uint8Array;
  /** Id of the channel, licence or job. */
  readonly account: Uint8Array;
  readonly asset: bigint;
  readonly tenure: number;
  readonly commitment: Uint8Array;
  readonly responseDigest: Uint8Array;
  readonly units: bigint;
  readonly amount: bigint;
  readonly outcome: Outcome;
  readonly servedAtSec: number;
}

export const hashReceipt = once((r: Receipt) =>
  keccakWords([
    typeHash.Receipt,
    r.callId,
    r.account,
    r.asset,
    r.tenure,
    r.commitment,
    r.responseDigest,
    r.units,
    r.amount,
    outcomes[r.outcome],
    r.servedAtSec,
  ]),
);

export interface Void {
  readonly callId: Uint8Array;
  readonly account: Uint8Array;
  readonly atSec: number;
}

export const hashVoid = (v: Void): Buffer => keccakWords([typeHash.Void, v.callId, v.account, v.atSec]);

export interface Statement {
  readonly channelId: Uint8Array;
  readonly authorised: bigint;
  readonly spent: bigint;
  readonly calls: bigint;
  readonly atSec: number;
}

export const hashStatement = (s: Statement): Buffer =>
  keccakWords([typeHash.Statement, s.channelId, s.authorised, s.spent, s.calls, s.atSec]);

export interface Close {
  readonly channelId: Uint8Array;
  readonly spent: bigint;
  readonly deadlineSec: number;
}

export const hashClose = (c: Close): Buffer => keccakWords([typeHash.Close, c.channelId, c.spent, c.deadlineSec]);

export interface Listing {
  readonly asset: bigint;
  readonly tenure: number;
  readonly version: number;
  readonly previous: Uint8Array;
  readonly contractDigest: Uint8Array;
  readonly prices: readonly Price[];
  readonly endpoints: readonly string[];
  readonly docsDigest: Uint8Array;
  readonly escrow: Uint8Array;
  readonly minChannel: bigint;
  readonly honourSec: number;
  readonly retainSec: number;
  readonly publishedAtSec: number;
}

const hashPrice = (p: Price): Buffer =>
  keccakWords([
    typeHash.Price,
    keccakText(p.method),
    priceKinds[p.kind],
    keccakText(p.unit),
    p.rate,
    p.per,
    p.maxAmount,
  ]);

/** The listing digest. */
export const hashListing = (l: Listing): Buffer =>
  keccakWords([
    typeHash.Listing,
    l.asset,
    l.tenure,
    l.version,
    l.previous,
    l.contractDigest,
    keccakList(l.prices.map(hashPrice)),
    keccakList(l.endpoints.map(keccakText)),
    l.docsDigest,
    l.escrow,
    l.minChannel,
    l.honourSec,
    l.retainSec,
    l.publishedAtSec,
  ]);

export interface Pin {
  readonly step: string;
  readonly listing: Uint8Array;
  readonly method: string;
  readonly calls: number;
  readonly maxPerCall: bigint;
}

export interface Quote {
  readonly quoteId: Uint8Array;
  readonly payer: Uint8Array;
  readonly pins: readonly Pin[];
  readonly maxTotal: bigint;
  readonly expiresAtSec: number;
}

const hashPin = (p: Pin): Buffer =>
  keccakWords([typeHash.Pin, keccakText(p.step), p.listing, keccakText(p.method), p.calls, p.maxPerCall]);

export const hashQuote = (q: Quote): Buffer =>
  keccakWords([typeHash.Quote, q.quoteId, q.payer, keccakList(q.pins.map(hashPin)), q.maxTotal, q.expiresAtSec]);
