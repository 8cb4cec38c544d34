import { randomBytes } from 'node:crypto';
import { WeftError } from '#core/errors.js';
import { fromHex, sameBytes, toHex } from '#core/hex.js';
import { formatAmount, MAX_AMOUNT, parseAmount } from '#core/money.js';
import type { Choice, Requirement } from '#core/requirement.js';
import type { ServiceDefinition } from '#core/service-definition.js';
import { contractDigests } from '#protos/contract-digests.js';
import type { Proof } from './call/paid-caller.js';
import { decodeToJson, encodeJson, type Json } from './contract/json-codec.js';
import { methodOf } from './contract/methods.js';
import { findListing } from './listing/find-listing.js';
import type { Marketplace } from './marketplace.js';
import { type PaidClient, paidClient } from './paid-client.js';
import type { ClientParts } from './parts.js';
import { select } from './select.js';
import { Session, type SessionCallOptions } from './session.js';

export interface ServiceWants<D extends ServiceDefinition = ServiceDefinition> {
  /** The most that one call may cost, in minor units: of every method that the listing offers, or of those that are named. */
  readonly maxPrice: string | { readonly [K in keyof D['methods']]?: string };
  /** The most that all calls of this client may cost, in minor units; so much is set aside in a channel. */
  readonly maxTotal: string;
  readonly prefer?: Choice['prefer'];
  /** Only this listing: its digest, "0x…". */
  readonly listing?: string;
  /** Only this asset's listing in force: its id. */
  readonly asset?: string;
  /** Digest of the contract, for one that does not ship with Weft. */
  readonly contract?: string;
  /** 32 bytes: with the same key, the same calls in the same order are answered again and not paid again. Default: random. */
  readonly runKey?: Uint8Array;
}

/** Instead of prices: a licence that the wallet holds pays. */
export interface LicensedWants {
  /** "0x…"; the calls are made where it is good, whatever they cost there. */
  readonly useLicence: string;
  /** Digest of the contract, for one that does not ship with Weft. */
  readonly contract?: string;
  /** As of `ServiceWants`. */
  readonly runKey?: Uint8Array;
}

export interface JsonCallOptions extends SessionCallOptions {
  /** "0x…": this licence of the wallet's pays. */
  readonly useLicence?: string;
  /** The most that the call may cost, in minor units. Default: the listing's price. */
  readonly maxPrice?: string;
  /** 32 bytes: with the same key, the same call is answered again and not paid again. Default: random. */
  readonly runKey?: Uint8Array;
}

export interface JsonAnswer extends Proof {
  /** Listing digest, "0x…". */
  readonly listing: string;
  /** The response in protobuf's JSON; a list of them for a server stream. */
  readonly response: Json;
}

/** Calls as many as `maxTotal` pays for. */
const ANY_NUMBER = 1_000_000;

/** A marketplace to call services in. Everything is verified before it is paid; errors are WeftErrors. */
export class Weft {
  constructor(
    readonly marketplace: Marketplace,
    readonly parts: ClientParts,
    private readonly closeWallet: () => Promise<void>,
  ) {}

  /** A typed client of the best offer of a service. Opens a channel, or fills one, to hold `maxTotal`; or a licence pays. */
  async service<const D extends ServiceDefinition>(
    definition: D,
    wants: ServiceWants<D> | LicensedWants,
  ): Promise<PaidClient<D>> {
    if ('useLicence' in wants) return await this.#licensedService(definition, wants);
    const maxTotal = parseAmount(wants.maxTotal, 'maxTotal');
    const runKey = keyOf(wants.runKey);
    const requirements = await this.#offered(definition, wants);
    const session = await Session.open(this.parts, runKey, { requirements, maxTotal, capped: true });
    return paidClient(definition, session);
  }

  /**
   * One call of any listing (its digest "0x…", an asset's id, or a service's full name for the cheapest), with request
   * and response in protobuf's JSON. Throws INVALID_JSON with the path of the field that does not fit.
   */
  async call(listing: string, method: string, json: unknown, options: JsonCallOptions = {}): Promise<JsonAnswer> {
    const offer = await findListing(this.parts.market, listing);
    const { registry, digest } = offer.contract;
    const { fullName, input, output, requestStream, responseStream } = methodOf(offer.contract, method);
    const price = offer.listing.prices.find((each) => each.method === fullName);
    if (price === undefined || requestStream)
      throw new WeftError('UNKNOWN_METHOD', `listing ${toHex(offer.digest)} does not offer ${fullName}`, { method });
    const request = encodeJson(input, json, registry);
    const maxPrice = options.maxPrice ?? formatAmount(price.maxAmount);
    const step = 'call';
    const requirement: Requirement = {
      step,
      maxPrice,
      calls: 1,
      service: offer.contract.service,
      contract: toHex(digest),
      method: fullName,
      choice: { prefer: 'cheapest', listing: toHex(offer.digest) },
    };
    const runKey = keyOf(options.runKey);
    const requirements = [requirement];
    const session =
      options.useLicence === undefined
        ? await Session.open(this.parts, runKey, { requirements })
        : await Session.licensed(this.parts, runKey, {
            requirements,
            licence: fromHex(options.useLicence, 'useLicence', 32),
          });
    try {
      const { messages, ...proof } = await session.exchange(step, request, responseStream, options);
      const responses = messages.map((bytes) => decodeToJson(output, bytes, registry));
      return { listing: toHex(offer.digest), response: responseStream ? responses : (responses[0] ?? null), ...proof };
    } finally {
      await session.close();
    }
  }

  async #licensedService<D extends ServiceDefinition>(definition: D, wants: LicensedWants): Promise<PaidClient<D>> {
    const licence = fromHex(wants.useLicence, 'useLicence', 32);
    const held = (await this.parts.wallet.licences()).find(({ licenceId }) => sameBytes(licenceId, licence));
    if (held === undefined)
      throw new WeftError('LICENCE_UNKNOWN', 'the wallet holds no such licence', { licence: wants.useLicence });
    const { contract } = wants;
    const requirements = await this.#offered(definition, {
      maxPrice: formatAmount(MAX_AMOUNT),
      maxTotal: formatAmount(MAX_AMOUNT),
      asset: String(held.asset),
      ...(contract === undefined ? {} : { contract }),
    });
    const session = await Session.licensed(this.parts, keyOf(wants.runKey), { requirements, licence });
    return paidClient(definition, session);
  }

  /** The methods of one listing that may be called for the price: all that are named, or else all that it offers. */
  async #offered<D extends ServiceDefinition>(definition: D, wants: ServiceWants<D>): Promise<Requirement[]> {
    const { prefer = 'cheapest', asset, maxPrice } = wants;
    const contract = wants.contract ?? contractDigests[definition.fullName];
    const found: Requirement[] = [];
    let { listing } = wants;
    let missing: WeftError | undefined;
    for (const [step, { name, requestStream }] of Object.entries(definition.methods)) {
      const price = typeof maxPrice === 'string' ? maxPrice : maxPrice[step as keyof D['methods']];
      if (requestStream || price === undefined) continue;
      const requirement: Requirement = {
        step,
        maxPrice: price,
        calls: ANY_NUMBER,
        service: definition.fullName,
        method: `${definition.fullName}/${name}`,
        choice: { prefer, ...(listing === undefined ? {} : { listing }), ...(asset === undefined ? {} : { asset }) },
        ...(contract === undefined ? {} : { contract }),
      };
      try {
        const { offer } = await select(this.parts.market, requirement);
        listing = toHex(offer.digest); // the other methods are called there too
        found.push({ ...requirement, choice: { prefer, listing } });
      } catch (error) {
        const missed =
          error instanceof WeftError && (error.reason === 'LISTING_UNKNOWN' || error.reason === 'PRICE_ABOVE_LIMIT');
        if (!missed || typeof maxPrice !== 'string') throw error;
        missing ??= error;
      }
    }
    if (found.length > 0) return found;
    throw missing ?? new WeftError('INVALID_INPUT', 'maxPrice names no method of the service', { field: 'maxPrice' });
  }

  async close(): Promise<void> {
    await this.parts.close();
    await this.closeWallet();
  }
}

function keyOf(runKey: Uint8Array | undefined): string {
  const key = runKey ?? randomBytes(32);
  if (key.length !== 32) throw new WeftError('INVALID_INPUT', 'runKey must have 32 bytes', { field: 'runKey' });
  return toHex(key);
}
