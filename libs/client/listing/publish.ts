import { type Contract, readContract } from '#client/contract/read-contract.js';
import type { Parent } from '#contracts/assets.js';
import { WeftError } from '#core/errors.js';
import { sameBytes, toHex } from '#core/hex.js';
import type { Price } from '#core/price.js';
import type { SigningKey } from '#payments/signature.js';
import { assetsDomain, hashListing, type Listing, signingHash } from '#payments/typed-data.js';
import type { Directory, ListingRecord, PublishInput } from './directory.js';
import { docsDigest, type ListingDocsInput, writeDocs } from './listing-docs.js';
import { MIN_RETAIN_SEC, readListing, type SignedListing, writeListing } from './listing-wire.js';
import { type Minter, mintOnce } from './mint-once.js';
import { PublishState } from './publish-state.js';
import { checkAgainstContract } from './verify-listing.js';

/** What is offered. */
export interface Offer {
  /** A serialized FileDescriptorSet with the service in it; with comments, if people are to read them. */
  readonly files: Uint8Array;
  /** Full name. */
  readonly service: string;
  readonly prices: readonly Price[];
  /** "grpc://host:port" or "grpcs://host:port", 1 to 8. */
  readonly endpoints: readonly string[];
  readonly docs: ListingDocsInput;
  /** What the asset was built from, and its share of the income; fixed when the asset is minted. Default: nothing. */
  readonly parents?: readonly Parent[];
  /** Smallest deposit of a channel that is served, in minor units. Default 0. */
  readonly minChannel?: bigint;
  /** For this long after being replaced the listing is still served. Default 3,600. */
  readonly honourSec?: number;
  /** For this long responses are kept. Default and least 86,400. */
  readonly retainSec?: number;
}

export interface Publisher extends Minter {
  /** Where the offer is paid, 20 bytes. */
  readonly escrow: Uint8Array;
  readonly operator: SigningKey;
  readonly nowSec?: () => number;
}

export interface PublishedListing {
  readonly asset: bigint;
  readonly digest: Buffer;
  readonly listing: Listing;
  readonly record: ListingRecord;
  /** Whether this call put it on chain. */
  readonly isNew: boolean;
}

/** A listing that stands on chain, and what a registry wants to know of it. */
export interface ListingInForce {
  readonly signed: SignedListing;
  /** 32 bytes. */
  readonly digest: Buffer;
  readonly input: PublishInput;
  /** Whether this call put it on chain. */
  readonly isNew: boolean;
}

/**
 * Brings an offer to chain and registry. What is there already is left alone, so it may be called at every start, and
 * again after it died anywhere. The service must answer already: throws what is against the offer before anything is sent.
 */
export async function publishListing(
  publisher: Publisher & { readonly directory: Directory },
  offer: Offer,
): Promise<PublishedListing> {
  const { directory } = publisher;
  const { signed, digest, input, isNew } = await putInForce(publisher, offer, (draft) => directory.validate(draft));
  const record = await announceListing(directory, { digest, input });
  return { asset: signed.listing.asset, digest, listing: signed.listing, record, isNew };
}

/**
 * Mints the asset if there is none yet, names the operator, signs the listing and puts its digest on chain. For
 * providers whose paywall needs the listing before it can serve; they announce it once they do.
 */
export async function putInForce(
  publisher: Publisher,
  offer: Offer,
  validate: (input: PublishInput) => Promise<unknown> = async () => {},
): Promise<ListingInForce> {
  const contract = readContract(offer.files, offer.service);
  const docs = writeDocs(offer.docs);
  const terms = termsOf(publisher, offer, contract, docs);
  const state = await PublishState.open(publisher.stateFile, publisher.domain);
  const { assets, operator, owner, shares } = publisher;
  const asset = await mintOnce(publisher, state, { operator: operator.address, parents: offer.parents ?? [] });
  let head = await assets.head(asset);
  if (!sameBytes(head.operator, operator.address)) {
    if (shares !== undefined) throw notOperator(asset, operator.address);
    await owner.send(assets.setOperator(asset, operator.address));
    head = await assets.head(asset);
  }
  const present: Present = { asset, tenure: head.tenure, version: head.listingVersion, listing: head.listing };
  const signed = reusable(state, terms, present) ?? sign(publisher, terms, docs, present);
  const { listing } = signed;
  const digest = hashListing(listing);
  const input = { signed, files: offer.files, service: offer.service };
  const isNew = !sameBytes(head.listing, digest);
  if (isNew) {
    await validate(input);
    await state.setListing(signed);
    await owner.send(shares === undefined ? assets.publish(asset, digest, listing.version) : shares.publish(listing));
  }
  return { signed, digest, input, isNew };
}

const notOperator = (asset: bigint, key: Uint8Array): WeftError =>
  new WeftError(
    'PERMISSION_DENIED',
    `${toHex(key)} is not the operator of asset ${asset}: holders of its shares name one with "npx weft govern propose-operator ${asset} KEY"`,
    { asset: String(asset), operator: toHex(key) },
  );

/**
 * Tells the registry of a listing in force. One that knows it but last saw it down, or not in force, is told again, so
 * that it looks at once and not at its next round.
 */
export async function announceListing(
  directory: Directory,
  { digest, input }: Pick<ListingInForce, 'digest' | 'input'>,
): Promise<ListingRecord> {
  const known = await directory.find({ digest });
  return known?.isServing && known.status !== 'superseded' ? known : directory.publish(input);
}

/** What the chain has for the asset. */
interface Present {
  readonly asset: bigint;
  readonly tenure: number;
  readonly version: number;
  readonly listing: Uint8Array;
}

type Terms = Omit<Listing, 'asset' | 'tenure' | 'version' | 'previous' | 'publishedAtSec'>;

/** Throws what is wrong with the offer itself: an offer that nobody can take must not cost a transaction. */
function termsOf({ escrow }: Publisher, offer: Offer, contract: Contract, docs: Uint8Array): Terms {
  const terms = {
    contractDigest: contract.digest,
    prices: offer.prices,
    endpoints: offer.endpoints,
    docsDigest: docsDigest(docs),
    escrow,
    minChannel: offer.minChannel ?? 0n,
    honourSec: offer.honourSec ?? 3_600,
    retainSec: offer.retainSec ?? MIN_RETAIN_SEC,
  };
  const draft = { ...terms, asset: 1n, tenure: 1, version: 1, previous: Buffer.alloc(32), publishedAtSec: 0 };
  checkAgainstContract(readListing(writeListing(draft)), contract);
  return terms;
}

/** The listing signed last, if it says the same and is in force or would be next. */
function reusable(state: PublishState, terms: Terms, present: Present): SignedListing | undefined {
  const last = state.listing;
  if (last === undefined) return undefined;
  const { version, previous, publishedAtSec } = last.listing;
  const { asset, tenure, listing } = present;
  const digest = hashListing(last.listing);
  if (!sameBytes(hashListing({ ...terms, asset, tenure, version, previous, publishedAtSec }), digest)) return undefined;
  const isNext = version === present.version + 1 && sameBytes(previous, listing);
  return sameBytes(listing, digest) || isNext ? last : undefined;
}

function sign(publisher: Publisher, terms: Terms, docs: Uint8Array, present: Present): SignedListing {
  const nowSec = publisher.nowSec ?? (() => Math.floor(Date.now() / 1000));
  const listing: Listing = {
    ...terms,
    asset: present.asset,
    tenure: present.tenure,
    version: present.version + 1,
    previous: present.listing,
    publishedAtSec: nowSec(),
  };
  const hash = signingHash(assetsDomain(publisher.domain), hashListing(listing));
  return { listing, signature: publisher.operator.sign(hash), docs };
}
