import { toHex } from '#core/hex.js';
import { formatAmount } from '#core/money.js';
import { plainText } from '#core/plain-text.js';
import type { Price } from '#core/price.js';
import type { TokenGate } from '#payments/token-gate.js';
import type { Listing } from '#payments/typed-data.js';
import { type JsonSchema, jsonSchemaOf } from '../contract/json-schema.js';
import { methodsOf } from '../contract/methods.js';
import type { Contract } from '../contract/read-contract.js';
import type { ListingRecord, ListingStatus } from './directory.js';
import type { ListingDocs } from './listing-docs.js';
import type { VerifiedListing } from './verify-listing.js';

/*
 * Listings and contracts as JSON, the same in REST, on the command line and for agents: amounts are decimal strings
 * of minor units, digests and addresses "0x…".
 */

export interface PriceView {
  readonly method: string;
  readonly kind: Price['kind'];
  /** Empty unless metered. */
  readonly unit: string;
  readonly rate: string;
  readonly per: string;
  /** The most that one call can cost. */
  readonly maxAmount: string;
}

export interface ListingView {
  readonly listing: string;
  readonly asset: string;
  readonly tenure: number;
  readonly version: number;
  readonly service: string;
  readonly contract: string;
  readonly title: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly prices: readonly PriceView[];
  readonly endpoints: readonly string[];
  readonly minChannel: string;
  readonly publishedAtSec: number;
  /** What callers must hold besides paying, if anything. */
  readonly gate?: GateView;
}

export interface GateView {
  readonly standard: TokenGate['standard'];
  readonly token: string;
  readonly id?: string;
  readonly atLeast: string;
}

/** What a registry adds, on its own word. */
export interface ListingRecordView extends ListingView {
  readonly status: ListingStatus;
  readonly serving: boolean;
}

export const recordView = (record: ListingRecord): ListingRecordView => ({
  ...viewOf(record.digest, record.listing, record.service, record.about),
  status: record.status,
  serving: record.isServing,
});

/** Of a listing that was held against the chain. */
export interface VerifiedListingView extends ListingView {
  /** Whose key signs receipts. */
  readonly operator: string;
  readonly methods: readonly MethodView[];
}

export const verifiedView = (verified: VerifiedListing): VerifiedListingView => ({
  ...viewOf(verified.digest, verified.listing, verified.contract.service, verified.docs),
  operator: toHex(verified.operator),
  methods: methodViews(verified.contract, verified.docs.methods),
});

export interface MethodView {
  readonly name: string;
  /** As prices name it. */
  readonly method: string;
  readonly description: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly request: JsonSchema;
  readonly response: JsonSchema;
}

/** `docs`: what the listing says of its methods, by short name; else the contract's comments speak. */
export const methodViews = (contract: Contract, docs: ReadonlyMap<string, string> = new Map()): MethodView[] =>
  methodsOf(contract).map((method) => ({
    name: method.name,
    method: method.fullName,
    description: plainText(
      docs.get(method.name) ?? contract.comments.get(`${contract.service}.${method.name}`) ?? '',
      4_000,
    ),
    requestStream: method.requestStream,
    responseStream: method.responseStream,
    request: jsonSchemaOf(contract, method.input),
    response: jsonSchemaOf(contract, method.output),
  }));

const viewOf = (
  digest: Uint8Array,
  listing: Listing,
  service: string,
  { title, summary, tags, gate }: Pick<ListingDocs, 'title' | 'summary' | 'tags' | 'gate'>,
): ListingView => ({
  listing: toHex(digest),
  asset: String(listing.asset),
  tenure: listing.tenure,
  version: listing.version,
  service,
  contract: toHex(listing.contractDigest),
  title,
  summary,
  tags,
  prices: listing.prices.map(priceView),
  endpoints: listing.endpoints,
  minChannel: formatAmount(listing.minChannel),
  publishedAtSec: listing.publishedAtSec,
  ...(gate && { gate: gateView(gate) }),
});

const gateView = ({ standard, token, id, atLeast }: TokenGate): GateView => ({
  standard,
  token,
  ...(id === undefined ? {} : { id: String(id) }),
  atLeast: String(atLeast),
});

const priceView = ({ method, kind, unit, rate, per, maxAmount }: Price): PriceView => ({
  method,
  kind,
  unit,
  rate: formatAmount(rate),
  per: String(per),
  maxAmount: formatAmount(maxAmount),
});
