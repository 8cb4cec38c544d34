import { type BlockTag, type Provider } from 'ethers';
import { fromHex } from '#core/hex.js';
import { interfaceOf } from './artifact.js';
import { type Bytes, hexOf, read, type UnsignedTransaction } from './chain.js';
import type { Position } from './escrow.js';
import { type EventLog, type LastBlock, readLogs } from './read-logs.js';
import type { Permit } from './token.js';

/** What an asset's owner asks for it. It holds for one tenure. */
export interface Ask {
  /** 20 bytes. */
  readonly token: Uint8Array;
  readonly price: bigint;
  readonly tenure: number;
  readonly expiresAtSec: number;
}

/** What somebody would pay for an asset while it is in that tenure and its maker gets at most `saleBps` of later sales. */
export interface Offer {
  readonly price: bigint;
  readonly tenure: number;
  readonly expiresAtSec: number;
  readonly saleBps: number;
}

/** What a buyer agrees to: the ask as he saw it, and the most that the maker may get of later sales. */
export interface Deal {
  readonly token: Bytes;
  readonly price: bigint;
  readonly tenure: number;
  readonly saleBps: number;
}

export type MarketEvent = Position & { asset: bigint } & (
    | { name: 'Asked'; tenure: number; token: Uint8Array; price: bigint; expiresAtSec: number }
    | { name: 'AskWithdrawn' }
    | ({ name: 'Offered'; buyer: Uint8Array; token: Uint8Array } & Offer)
    | { name: 'OfferWithdrawn'; buyer: Uint8Array; token: Uint8Array }
    | {
        name: 'Sold';
        seller: Uint8Array;
        buyer: Uint8Array;
        /** The seller's. */
        tenure: number;
        token: Uint8Array;
        price: bigint;
        maker: Uint8Array;
        /** Of the price, for the maker. */
        royalty: bigint;
      }
  );

/**
 * The market at an address. It holds neither assets nor money: a seller approves it for the asset (`Assets.approve`), a
 * buyer for the price.
 */
export class Market {
  constructor(
    readonly address: string,
    private readonly provider: Provider,
  ) {}

  /** In place of what its owner, who sends this, asked before. */
  ask(asset: bigint, ask: { token: Bytes; price: bigint; expiresAtSec: number }): UnsignedTransaction {
    return this.#build('ask', [asset, hexOf(ask.token), ask.price, ask.expiresAtSec]);
  }

  withdrawAsk(asset: bigint): UnsignedTransaction {
    return this.#build('withdrawAsk', [asset]);
  }

  buy(asset: bigint, deal: Deal): UnsignedTransaction {
    return this.#build('buy', [asset, { ...deal, token: hexOf(deal.token) }]);
  }

  /** `permit`: the buyer's, for this market and the price. */
  buyWithPermit(asset: bigint, deal: Deal, { deadlineSec, v, r, s }: Permit): UnsignedTransaction {
    return this.#build('buyWithPermit', [asset, { ...deal, token: hexOf(deal.token) }, deadlineSec, v, r, s]);
  }

  /** For the asset's present tenure, in place of what the sender offered before in that token. */
  offer(
    asset: bigint,
    offer: { token: Bytes; price: bigint; saleBps: number; expiresAtSec: number },
  ): UnsignedTransaction {
    return this.#build('offer', [asset, hexOf(offer.token), offer.price, offer.saleBps, offer.expiresAtSec]);
  }

  withdrawOffer(asset: bigint, token: Bytes): UnsignedTransaction {
    return this.#build('withdrawOffer', [asset, hexOf(token)]);
  }

  /** Sells the sender's asset. `price` is what he agrees to. */
  accept(asset: bigint, offer: { buyer: Bytes; token: Bytes; price: bigint }): UnsignedTransaction {
    return this.#build('accept', [asset, hexOf(offer.buyer), hexOf(offer.token), offer.price]);
  }

  /** The last that was asked and not withdrawn, whether or not it still holds; undefined if nothing. */
  async askOf(asset: bigint, at?: BlockTag): Promise<Ask | undefined> {
    const [token, price, tenure, expiresAtSec] = await this.#read('asks', [asset], at);
    if (price === 0n) return undefined;
    return { token: fromHex(token, 'token', 20), price, tenure: Number(tenure), expiresAtSec: Number(expiresAtSec) };
  }

  async offerOf(asset: bigint, buyer: Bytes, token: Bytes, at?: BlockTag): Promise<Offer | undefined> {
    const [price, tenure, expiresAtSec, saleBps] = await this.#read('offers', [asset, hexOf(buyer), hexOf(token)], at);
    if (price === 0n) return undefined;
    return { price, tenure: Number(tenure), expiresAtSec: Number(expiresAtSec), saleBps: Number(saleBps) };
  }

  /** Events between two blocks, both included, in the chain's order. */
  async events(fromBlock: number, toBlock: LastBlock): Promise<MarketEvent[]> {
    return parseMarketLogs(await readLogs(this.provider, { address: this.address }, fromBlock, toBlock), this.address);
  }

  #build(method: string, args: readonly unknown[]): UnsignedTransaction {
    return { to: this.address, data: interfaceOf('Market').encodeFunctionData(method, args) };
  }

  #read(method: string, args: readonly unknown[], at?: BlockTag) {
    return read(this.provider, 'Market', this.address, method, args, at);
  }
}

/** The events of the market at `address` among logs. */
export function parseMarketLogs(logs: readonly EventLog[], address: string): MarketEvent[] {
  return logs.flatMap((log): MarketEvent[] => {
    if (log.address.toLowerCase() !== address.toLowerCase()) return [];
    const parsed = interfaceOf('Market').parseLog(log);
    if (!parsed) return [];
    const { args } = parsed;
    const at = {
      blockNumber: log.blockNumber,
      logIndex: log.index,
      transaction: log.transactionHash,
      asset: args.asset as bigint,
    };
    const address20 = (name: string) => fromHex(args[name], name, 20);
    const price = args.price as bigint;
    switch (parsed.name) {
      case 'Asked': {
        const [tenure, expiresAtSec] = [Number(args.tenure), Number(args.expiresAtSec)];
        return [{ ...at, name: 'Asked', tenure, token: address20('token'), price, expiresAtSec }];
      }
      case 'AskWithdrawn':
        return [{ ...at, name: 'AskWithdrawn' }];
      case 'Offered': {
        const [tenure, expiresAtSec, saleBps] = [Number(args.tenure), Number(args.expiresAtSec), Number(args.saleBps)];
        const [buyer, token] = [address20('buyer'), address20('token')];
        return [{ ...at, name: 'Offered', buyer, token, price, tenure, expiresAtSec, saleBps }];
      }
      case 'OfferWithdrawn':
        return [{ ...at, name: 'OfferWithdrawn', buyer: address20('buyer'), token: address20('token') }];
      case 'Sold': {
        const [seller, buyer, token, maker] = [
          address20('seller'),
          address20('buyer'),
          address20('token'),
          address20('maker'),
        ];
        const tenure = Number(args.tenure);
        return [{ ...at, name: 'Sold', seller, buyer, tenure, token, price, maker, royalty: args.royalty }];
      }
      default:
        return [];
    }
  });
}
