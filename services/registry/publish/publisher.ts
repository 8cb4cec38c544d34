import { breaks } from '#client/contract/breaks.js';
import { type Contract, readContract } from '#client/contract/read-contract.js';
import { type ListingDocs, readDocs } from '#client/listing/listing-docs.js';
import { readSignedListing, type SignedListing } from '#client/listing/listing-wire.js';
import { checkAgainstContract, type ListingVerifier } from '#client/listing/verify-listing.js';
import type { Assets } from '#contracts/assets.js';
import { WeftError } from '#core/errors.js';
import { sameBytes, toHex } from '#core/hex.js';
import { signedBy } from '#payments/signature.js';
import { assetsDomain, type Domain, hashListing, signingHash } from '#payments/typed-data.js';
import type { PublishRequest } from '#protos/weft/registry/v1/registry.js';
import type { ListingRow, ListingStore } from '../store/listing-store.js';
import { type ProbeOptions, probeEndpoint } from './probe-endpoint.js';
import { Problems } from './problems.js';

export interface PublisherParts {
  readonly store: ListingStore;
  readonly assets: Assets;
  /** Of Assets. */
  readonly domain: Domain;
  /** The only escrow that listings here may be paid through. */
  readonly escrow: Uint8Array;
  /** Asks the chain every time. */
  readonly verifier: ListingVerifier;
  readonly probe: ProbeOptions;
}

interface Read {
  readonly signed: SignedListing;
  readonly docs: ListingDocs;
  readonly contract: Contract;
}

/** Where a break is one of a long list, the first ones tell enough. */
const MAX_BREAKS = 30;

/**
 * Decides whether a listing is taken. Nothing is written before everything is known, and then in one transaction:
 * whatever dies in between, publishing again finds either nothing or everything.
 */
export class Publisher {
  constructor(private readonly parts: PublisherParts) {}

  /** Throws every reason against it. */
  async publish(request: PublishRequest): Promise<ListingRow> {
    const { store, verifier } = this.parts;
    const problems = new Problems();
    const { signed, contract, docs } = await this.#read(request, problems);
    const digest = hashListing(signed.listing);
    const known = await store.byDigest(digest);
    // One that was superseded has to pass again: it may be back in force.
    if (known !== undefined && known.status !== 'superseded')
      return known.isServing ? known : this.#lookAgain(known, signed, contract);
    await problems.collect(() => verifier.verify(signed, contract));
    // Only what the asset's owner and operator vouch for makes this process connect to anything.
    const mayVisit = problems.isEmpty;
    await this.#checkHistory(signed, contract, problems);
    if (mayVisit) await this.#visit(signed, contract, problems);
    problems.throwIfAny();
    const accepted = { signed, digest, docs, contract, files: request.files, isServing: true };
    return store.record(accepted, async () => {
      await verifier.verify(signed, contract);
      await this.#checkPackage(signed, contract);
    });
  }

  /** A known listing whose provider says that it is back. */
  async #lookAgain(known: ListingRow, signed: SignedListing, contract: Contract): Promise<ListingRow> {
    const problems = new Problems();
    await this.#visit(signed, contract, problems);
    problems.throwIfAny();
    await this.parts.store.setServing(known.digest, true);
    return { ...known, isServing: true };
  }

  /** As `publish`, before the listing stands on chain: throws what would be against it and writes nothing. */
  async validate(request: PublishRequest): Promise<void> {
    const problems = new Problems();
    const { signed, contract } = await this.#read(request, problems);
    await problems.collect(() => this.#checkNext(signed));
    const mayVisit = problems.isEmpty;
    await this.#checkHistory(signed, contract, problems);
    if (mayVisit) await this.#visit(signed, contract, problems);
    problems.throwIfAny();
  }

  /** What can be said without asking anybody. Throws when there is not enough to say more. */
  async #read(request: PublishRequest, problems: Problems): Promise<Read> {
    const signed = await problems.collect(() => readSignedListing(request.signed));
    const contract = await problems.collect(() => readContract(request.files, request.service));
    if (signed !== undefined && contract !== undefined)
      await problems.collect(() => checkAgainstContract(signed.listing, contract));
    problems.throwIfAny();
    const read = { signed: signed as SignedListing, contract: contract as Contract };
    return { ...read, docs: readDocs(read.signed.docs) };
  }

  /** The listing is signed by the asset's operator and would follow what is in force. */
  async #checkNext({ listing, signature }: SignedListing): Promise<void> {
    const { assets, domain, escrow } = this.parts;
    const head = await assets.head(listing.asset);
    const refuse = (what: string): never => {
      throw new WeftError('LISTING_NOT_IN_FORCE', what, { asset: String(listing.asset) });
    };
    if (!sameBytes(listing.escrow, escrow))
      throw new WeftError(
        'WRONG_ESCROW',
        `the listing is paid through escrow ${toHex(listing.escrow)}, here it is ${toHex(escrow)}`,
        { field: 'escrow' },
      );
    const digest = hashListing(listing);
    if (!signedBy(head.operator, signingHash(assetsDomain(domain), digest), signature))
      throw new WeftError('BAD_SIGNATURE', `the listing is not signed by the operator of asset ${listing.asset}`, {
        field: 'signature',
      });
    if (listing.tenure !== head.tenure)
      refuse(`asset ${listing.asset} is in tenure ${head.tenure}, not ${listing.tenure}`);
    if (sameBytes(head.listing, digest)) return;
    if (listing.version !== head.listingVersion + 1 || !sameBytes(listing.previous, head.listing))
      refuse(
        `the next listing of asset ${listing.asset} is version ${head.listingVersion + 1} after ${toHex(head.listing)}`,
      );
  }

  /** Against what is recorded: the asset's earlier contract, and other services' names. */
  async #checkHistory({ listing }: SignedListing, contract: Contract, problems: Problems): Promise<void> {
    const { store } = this.parts;
    const alike = await store.lookAlike(contract.service);
    if (alike !== undefined)
      problems.add(
        new WeftError('CONTRACT_INVALID', `the name ${contract.service} looks like ${alike}, which is taken`, {
          name: contract.service,
          alike,
        }),
      );
    await problems.collect(() => this.#checkPackage({ listing }, contract));
    const previous = await store.latest(listing.asset, contract.service);
    if (previous === undefined || previous.contractDigest.equals(contract.digest)) return;
    const row = await store.contract(previous.contractDigest);
    if (row === undefined) return;
    const found = breaks(readContract(row.files, row.service), contract);
    if (found.length === 0) return;
    const shown = found.slice(0, MAX_BREAKS).join('\n');
    problems.add(
      new WeftError(
        'CONTRACT_BREAKS',
        `the contract breaks callers of version ${previous.version} in ${found.length} places; offer it as another service (…v2):\n${shown}`,
        { breaks: shown, count: String(found.length) },
      ),
    );
  }

  /**
   * A package belongs to the owner of the asset that was listed first with it: others may offer its contracts, as they
   * are, but not add any.
   */
  async #checkPackage({ listing }: Pick<SignedListing, 'listing'>, contract: Contract): Promise<void> {
    const { store, assets } = this.parts;
    if ((await store.contract(contract.digest)) !== undefined) return;
    const name = contract.service.slice(0, Math.max(0, contract.service.lastIndexOf('.')));
    const first = await store.firstOfPackage(name);
    if (first === undefined || first === listing.asset) return;
    if (sameBytes(await assets.ownerOf(first), await assets.ownerOf(listing.asset))) return;
    throw new WeftError(
      'CONTRACT_INVALID',
      `the package ${name} belongs to the owner of asset ${first}: offer one of its contracts unchanged, or use a package of your own`,
      { name, asset: String(first) },
    );
  }

  async #visit({ listing }: SignedListing, contract: Contract, problems: Problems): Promise<void> {
    await Promise.all(
      listing.endpoints.map((endpoint) => problems.collect(() => probeEndpoint(endpoint, contract, this.parts.probe))),
    );
  }
}
