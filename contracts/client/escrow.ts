import type { BlockTag, Provider } from 'ethers';
import { fromHex, toHex } from '#core/hex.js';
import { interfaceOf } from './artifact.js';
import { type Bytes, hexOf, read, signatureParts, type UnsignedTransaction } from './chain.js';
import { type EventLog, type LastBlock, readLogs } from './read-logs.js';
import type { Permit } from './token.js';

/** What names a channel; the same shape as in `#payments/typed-data.js`. */
export interface ChannelTerms {
  /** 20 bytes. */
  readonly payer: Uint8Array;
  /** 20 bytes. */
  readonly signer: Uint8Array;
  readonly asset: bigint;
  readonly tenure: number;
  readonly salt: bigint;
}

/** A channel to open for whoever sends the transaction. */
export interface Open {
  readonly signer: Bytes;
  readonly asset: bigint;
  readonly tenure: number;
  readonly salt: bigint;
  readonly amount: bigint;
  readonly expiresAtSec: number;
}

export interface Claim {
  readonly terms: ChannelTerms;
  /** What was earned since the channel's opening; at most `cumulative`. */
  readonly amount: bigint;
  /** What the voucher authorises. */
  readonly cumulative: bigint;
  /** Hash of the voucher's Call. */
  readonly commitment: Uint8Array;
  /** 64 bytes, `r ‖ vs`. */
  readonly signature: Uint8Array;
}

export const channelStatuses = ['none', 'open', 'closed'] as const;
export type ChannelStatus = (typeof channelStatuses)[number];

export interface Channel {
  readonly deposited: bigint;
  readonly claimed: bigint;
  readonly expiresAtSec: number;
  readonly status: ChannelStatus;
}

/** In the order of the contract's enumeration. */
export const skipReasons = [
  'NotOperator',
  'NotOpen',
  'NothingNew',
  'AboveVoucher',
  'AboveDeposit',
  'Released',
  'BadSignature',
  'NotReleased',
] as const;
export type SkipReason = (typeof skipReasons)[number];

/** Where in the chain an event stands. */
export interface Position {
  readonly blockNumber: number;
  readonly logIndex: number;
  readonly transaction: string;
}

export type EscrowEvent = Position &
  (
    | { name: 'Deposited'; payer: Uint8Array; amount: bigint }
    | { name: 'Withdrawn'; payer: Uint8Array; to: Uint8Array; amount: bigint }
    | { name: 'Opened'; channelId: Uint8Array; terms: ChannelTerms; amount: bigint; expiresAtSec: number }
    | { name: 'ToppedUp'; channelId: Uint8Array; from: Uint8Array; added: bigint; deposited: bigint }
    | { name: 'Extended'; channelId: Uint8Array; expiresAtSec: number }
    | { name: 'Claimed'; channelId: Uint8Array; asset: bigint; tenure: number; earned: bigint; claimed: bigint }
    | { name: 'Closed'; channelId: Uint8Array; payer: Uint8Array; earned: bigint; refunded: bigint }
    | { name: 'Skipped'; channelId: Uint8Array; reason: SkipReason }
    | { name: 'Collected'; asset: bigint; tenure: number; amount: bigint }
  );

/** Most entries of one `open`, `claim` or `reclaim`. */
export const MAX_BATCH = 100;
/** Longest time between now and a channel's expiry. */
export const MAX_SPAN_SEC = 90 * 24 * 3600;

/**
 * The escrow at an address. Methods that change something build the transaction (`send` of chain.js sends it, or sign it
 * yourself); the others read, at the newest block or at `at`.
 */
export class Escrow {
  constructor(
    readonly address: string,
    private readonly provider: Provider,
  ) {}

  deposit(amount: bigint): UnsignedTransaction {
    return this.#build('deposit', [amount]);
  }

  /** The permit is the token's, 65 bytes in its parts. */
  depositWithPermit(amount: bigint, permit: Permit): UnsignedTransaction {
    return this.#build('depositWithPermit', [amount, permit.deadlineSec, permit.v, permit.r, permit.s]);
  }

  withdraw(amount: bigint, to: Bytes): UnsignedTransaction {
    return this.#build('withdraw', [amount, hexOf(to)]);
  }

  open(opens: readonly Open[]): UnsignedTransaction {
    return this.#build('open', [opens.map((open) => ({ ...open, signer: hexOf(open.signer) }))]);
  }

  topUpTo(terms: ChannelTerms, total: bigint): UnsignedTransaction {
    return this.#build('topUpTo', [termsOf(terms), total]);
  }

  extend(terms: ChannelTerms, expiresAtSec: number): UnsignedTransaction {
    return this.#build('extend', [termsOf(terms), expiresAtSec]);
  }

  /** Entries of one asset side by side are cheapest. */
  claim(claims: readonly Claim[]): UnsignedTransaction {
    const entries = claims.map(({ terms, signature, ...claim }) => ({
      ...claim,
      ...signatureParts(signature),
      terms: termsOf(terms),
    }));
    return this.#build('claim', [entries]);
  }

  /** `signature`: the operator's, over `Close`. */
  close(
    terms: ChannelTerms,
    close: { spent: bigint; deadlineSec: number; signature: Uint8Array },
  ): UnsignedTransaction {
    const { r, vs } = signatureParts(close.signature);
    return this.#build('close', [termsOf(terms), close.spent, close.deadlineSec, r, vs]);
  }

  giveUp(terms: ChannelTerms): UnsignedTransaction {
    return this.#build('giveUp', [termsOf(terms)]);
  }

  reclaim(terms: readonly ChannelTerms[]): UnsignedTransaction {
    return this.#build('reclaim', [terms.map(termsOf)]);
  }

  async channel(channelId: Bytes, at?: BlockTag): Promise<Channel> {
    const [channel] = await this.#read('channel', [hexOf(channelId)], at);
    return {
      deposited: channel.deposited,
      claimed: channel.claimed,
      expiresAtSec: Number(channel.expiresAtSec),
      status: channelStatuses[Number(channel.status)]!,
    };
  }

  async channelId(terms: ChannelTerms): Promise<Uint8Array> {
    return fromHex((await this.#read('channelIdOf', [termsOf(terms)]))[0], 'channelId', 32);
  }

  /** Free money of a payer. */
  async balanceOf(payer: Bytes, at?: BlockTag): Promise<bigint> {
    return (await this.#read('balances', [hexOf(payer)], at))[0];
  }

  /** All that a tenure ever earned, and how much of it went on to Revenue. */
  async income(asset: bigint, tenure: number, at?: BlockTag): Promise<{ earned: bigint; collected: bigint }> {
    const [earned, collected] = await this.#read('income', [asset, tenure], at);
    return { earned, collected };
  }

  /** Seconds after a channel's expiry in which it can still be claimed. */
  async windowSec(): Promise<number> {
    return Number((await this.#read('WINDOW', []))[0]);
  }

  /** Events between two blocks, both included, in the chain's order. */
  async events(fromBlock: number, toBlock: LastBlock): Promise<EscrowEvent[]> {
    return parseEscrowLogs(await readLogs(this.provider, { address: this.address }, fromBlock, toBlock), this.address);
  }

  #build(method: string, args: readonly unknown[]): UnsignedTransaction {
    return { to: this.address, data: interfaceOf('Escrow').encodeFunctionData(method, args) };
  }

  #read(method: string, args: readonly unknown[], at?: BlockTag) {
    return read(this.provider, 'Escrow', this.address, method, args, at);
  }
}

/** The events of the escrow at `address` among logs; others are passed over. */
export function parseEscrowLogs(logs: readonly EventLog[], address: string): EscrowEvent[] {
  return logs.flatMap((log): EscrowEvent[] => {
    if (log.address.toLowerCase() !== address.toLowerCase()) return [];
    const parsed = interfaceOf('Escrow').parseLog(log);
    if (!parsed) return [];
    const at = { blockNumber: log.blockNumber, logIndex: log.index, transaction: log.transactionHash };
    const arg = parsed.args;
    const channelId = (): Uint8Array => fromHex(arg.channelId, 'channelId', 32);
    const account = (name: string): Uint8Array => fromHex(arg[name], name, 20);
    switch (parsed.name) {
      case 'Deposited':
        return [{ ...at, name: 'Deposited', payer: account('payer'), amount: arg.amount }];
      case 'Withdrawn':
        return [{ ...at, name: 'Withdrawn', payer: account('payer'), to: account('to'), amount: arg.amount }];
      case 'Opened': {
        const terms: ChannelTerms = {
          payer: account('payer'),
          signer: account('signer'),
          asset: arg.asset,
          tenure: Number(arg.tenure),
          salt: arg.salt,
        };
        const expiresAtSec = Number(arg.expiresAtSec);
        return [{ ...at, name: 'Opened', channelId: channelId(), terms, amount: arg.amount, expiresAtSec }];
      }
      case 'ToppedUp':
        return [
          {
            ...at,
            name: 'ToppedUp',
            channelId: channelId(),
            from: account('from'),
            added: arg.added,
            deposited: arg.deposited,
          },
        ];
      case 'Extended':
        return [{ ...at, name: 'Extended', channelId: channelId(), expiresAtSec: Number(arg.expiresAtSec) }];
      case 'Claimed':
        return [
          {
            ...at,
            name: 'Claimed',
            channelId: channelId(),
            asset: arg.asset,
            tenure: Number(arg.tenure),
            earned: arg.earned,
            claimed: arg.claimed,
          },
        ];
      case 'Closed':
        return [
          {
            ...at,
            name: 'Closed',
            channelId: channelId(),
            payer: account('payer'),
            earned: arg.earned,
            refunded: arg.refunded,
          },
        ];
      case 'Skipped':
        return [{ ...at, name: 'Skipped', channelId: channelId(), reason: skipReasons[Number(arg.reason)]! }];
      case 'Collected':
        return [{ ...at, name: 'Collected', asset: arg.asset, tenure: Number(arg.tenure), amount: arg.amount }];
      default:
        return [];
    }
  });
}

const termsOf = (terms: ChannelTerms) => ({ ...terms, payer: toHex(terms.payer), signer: toHex(terms.signer) });
