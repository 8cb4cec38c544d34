import { randomBytes } from 'node:crypto';
import type { Open } from '#contracts/escrow.js';
import { WeftError } from '#core/errors.js';
import { maxAmount, minAmount } from '#core/money.js';
import { tenureKey } from '#core/tenure-key.js';
import { channelId, type Domain } from '../typed-data.js';
import type { ChannelKeys } from './channel-keys.js';
import { needsOf } from './ledger/ledger.js';
import type { LedgerBook } from './ledger/ledger-book.js';
import { type ChannelEntry, newChannel } from './ledger/ledger-state.js';
import type { PayerChain } from './payer-chain.js';
import { hexKey } from './payer-chain.js';
import type { WalletPolicy } from './policy.js';

/** What a quote needs for one asset. */
export interface Need {
  readonly asset: bigint;
  readonly tenure: number;
  readonly operator: Uint8Array;
  readonly endpoints: readonly string[];
  readonly minChannel: bigint;
  readonly amount: bigint;
  /** The channel must live at least until then. */
  readonly untilSec: number;
}

export interface FundingParts {
  readonly book: LedgerBook;
  readonly chain: PayerChain;
  readonly keys: ChannelKeys;
  readonly domain: Domain;
  readonly payer: Uint8Array;
  readonly policy: WalletPolicy;
}

/** A channel that has to be opened or filled before it serves a need. */
interface Lack {
  readonly need: Need;
  /** Undefined: none is there. */
  readonly channel: ChannelEntry | undefined;
  /** What must be added at least, and what is added if the money is there. */
  readonly least: bigint;
  readonly wanted: bigint;
  readonly extend: boolean;
}

/** What one channel gets beyond its need is at most this part of the payer's money: it lies still until the channel ends. */
const SMALL_PART = 20n;

/**
 * Sees to it that channels hold what quotes need. All channels that a quote lacks are opened in one transaction;
 * filling or prolonging one that is there takes one transaction each, since the escrow has no batch of those; they
 * are sent side by side. Channels are filled for several such quotes at once, so that most need no transaction at all.
 */
export class Funding {
  constructor(private readonly parts: FundingParts) {}

  /** A channel for each need that serves it as it is, or undefined if some do not. Sends nothing. */
  find(needs: readonly Need[]): ChannelEntry[] | undefined {
    const channels: ChannelEntry[] = [];
    for (const need of needs) {
      const channel = this.#best(need);
      if (channel === undefined || this.#lackOf(need, channel) !== undefined) return undefined;
      channels.push(channel);
    }
    return channels;
  }

  /** Channels of these needs whose provider must be asked before they can serve: the ledger that opened them was lost. */
  imported(needs: readonly Need[]): ChannelEntry[] {
    const found: ChannelEntry[] = [];
    for (const channel of this.parts.book.channels.values()) {
      const need = needs.find(({ asset, tenure }) => channel.terms.asset === asset && channel.terms.tenure === tenure);
      if (!channel.imported || need === undefined) continue;
      channel.endpoints = need.endpoints;
      channel.operators.add(hexKey(need.operator));
      found.push(channel);
    }
    return found;
  }

  /** Opens, fills and prolongs. Gives the last transaction's hash. Errors: FUNDS_TOO_LOW, CHAIN_UNAVAILABLE, a revert's. */
  async fund(needs: readonly Need[]): Promise<string | undefined> {
    await this.parts.chain.readTime();
    await this.finishOpening(needs);
    const lacks = needs.flatMap((need) => this.#lackOf(need, this.#best(need)) ?? []);
    if (lacks.length === 0) return undefined;
    const amounts = await this.#afford(lacks);
    const opens = lacks.filter(({ channel }) => channel === undefined);
    const jobs = lacks
      .filter(({ channel }) => channel !== undefined)
      .map((lack) => this.#fill(lack, amounts.get(lack)!));
    if (opens.length > 0) jobs.push(this.#open(opens, amounts));
    // All of them end before anything is said about any: what was opened counts also when another failed.
    const ends = await Promise.allSettled(jobs);
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return ends.flatMap((end) => (end.status === 'fulfilled' && end.value !== undefined ? [end.value] : [])).at(-1);
  }

  /** Sees channels through whose opening an earlier attempt, or process, has not seen the end of. */
  async finishOpening(needs?: readonly Need[]): Promise<void> {
    const { book, chain } = this.parts;
    const opening = [...book.channels.values()].filter(
      ({ status, terms }) =>
        status === 'opening' && (needs === undefined || needs.some((need) => tenureKey(need) === tenureKey(terms))),
    );
    if (opening.length === 0) return;
    await chain.settled();
    for (const channel of opening) {
      await this.refresh(channel);
      // Everything that was ever sent is in the chain now; what it does not show was never opened.
      if (channel.status === 'opening') book.ledger.end(channel, book.calls.values());
    }
  }

  /**
   * Takes over what the chain shows of a channel: a transaction of an earlier process may have been mined meanwhile, and a
   * reorganisation may have taken back its opening, or its end.
   */
  async refresh(channel: ChannelEntry): Promise<void> {
    const { chain, book } = this.parts;
    const onChain = await chain.channel(channel.id);
    if (onChain.status === 'closed') {
      channel.claimed = onChain.claimed;
      if (channel.status !== 'closed') book.ledger.end(channel, book.calls.values());
      return;
    }
    if (onChain.status === 'none') {
      if (channel.status !== 'open' && channel.status !== 'closing') return;
      // No calls on it until it is there again; if it never is, `finishOpening` ends it.
      channel.status = 'opening';
      channel.deposited = 0n;
      channel.claimed = 0n;
      book.ledger.dirty.channels.add(channel);
      return;
    }
    // It ends once more, by the transaction that ended it or by another `close`; no call uses it meanwhile.
    if (channel.status === 'closed') channel.status = 'closing';
    if (channel.status === 'opening') {
      channel.status = 'open';
      // Nobody can have signed on one that was never open to a quote; of others the provider is still to be asked.
      if (channel.ceiling === 0n) book.ledger.proved(channel, 0n);
    }
    channel.deposited = onChain.deposited;
    channel.claimed = onChain.claimed;
    channel.expiresAtSec = onChain.expiresAtSec;
    book.ledger.dirty.channels.add(channel);
  }

  /** The open channel with the most room. */
  #best(need: Need): ChannelEntry | undefined {
    const nowSec = this.parts.chain.nowSec();
    let best: ChannelEntry | undefined;
    for (const channel of this.parts.book.channels.values()) {
      const { asset, tenure } = channel.terms;
      if (channel.status !== 'open' || channel.imported || asset !== need.asset || tenure !== need.tenure) continue;
      if (channel.expiresAtSec <= nowSec) continue;
      if (best === undefined || roomOf(channel) > roomOf(best)) best = channel;
    }
    return best;
  }

  #lackOf(need: Need, channel: ChannelEntry | undefined): Lack | undefined {
    const ahead = need.amount * BigInt(this.parts.policy.runsAhead);
    if (channel === undefined) {
      const least = maxAmount(need.amount, maxAmount(need.minChannel, 1n));
      return { need, channel, least, wanted: maxAmount(least, ahead), extend: false };
    }
    const missing = maxAmount(need.amount - roomOf(channel), need.minChannel - channel.deposited);
    const extend = channel.expiresAtSec < need.untilSec + this.parts.policy.expiryMarginSec;
    if (missing <= 0n && !extend) return undefined;
    const least = maxAmount(missing, 0n);
    return { need, channel, least, wanted: least === 0n ? 0n : maxAmount(least, ahead), extend };
  }

  /** How much each gets: what it needs at least, and more towards what is wanted while that is a small part of all money. */
  async #afford(lacks: readonly Lack[]): Promise<Map<Lack, bigint>> {
    const { free, inToken } = await this.parts.chain.funds();
    const money = free + inToken;
    const amounts = new Map(
      lacks.map((lack) => [lack, maxAmount(lack.least, minAmount(lack.wanted, money / SMALL_PART))]),
    );
    const least = lacks.reduce((sum, lack) => sum + lack.least, 0n);
    if (money < least)
      throw new WeftError(
        'FUNDS_TOO_LOW',
        `the payer has ${free} free in the escrow and ${inToken} in the token; the quote needs ${least}`,
        { needed: String(least), free: String(free), inToken: String(inToken), payer: `0x${hexKey(this.parts.payer)}` },
      );
    let total = [...amounts.values()].reduce((sum, amount) => sum + amount, 0n);
    if (total > money) {
      for (const lack of lacks) amounts.set(lack, lack.least);
      total = least;
    }
    if (total > free) await this.#deposit(total);
    return amounts;
  }

  /** An earlier deposit of which no answer came may be on its way: it counts, and is not made twice. */
  async #deposit(total: bigint): Promise<void> {
    const { chain } = this.parts;
    await chain.settled();
    const { free } = await chain.funds();
    if (total > free) await chain.deposit(total - free);
  }

  async #fill({ need, channel, extend }: Lack, amount: bigint): Promise<string | undefined> {
    const { chain, policy } = this.parts;
    if (channel === undefined) return undefined;
    const { escrow } = chain;
    const hashes = await Promise.all([
      extend ? chain.send(escrow.extend(channel.terms, this.#expiry(need))) : undefined,
      amount > 0n ? chain.send(escrow.topUpTo(channel.terms, channel.deposited + amount)) : undefined,
    ]);
    await this.refresh(channel);
    if (extend && channel.expiresAtSec < need.untilSec + Math.min(policy.expiryMarginSec, policy.channelSpanSec))
      throw new WeftError('CHANNEL_EXPIRING', 'the channel cannot be prolonged as far as the quote needs', {
        asset: String(need.asset),
      });
    return hashes.findLast((hash) => hash !== undefined);
  }

  async #open(lacks: readonly Lack[], amounts: ReadonlyMap<Lack, bigint>): Promise<string> {
    const { book, chain } = this.parts;
    const opened = lacks.map((lack) => this.#newChannel(lack.need, amounts.get(lack)!));
    for (const { channel } of opened) {
      book.channels.set(channel.key, channel);
      book.ledger.dirty.channels.add(channel);
    }
    // Before the transaction leaves: money must never lie in a channel that the ledger does not know.
    await book.flush();
    // Whatever is thrown here, the transaction may have been stored and be mined yet: `finishOpening` finds out.
    const hash = await chain.send(chain.escrow.open(opened.map(({ open }) => open)));
    await Promise.all(opened.map(({ channel }) => this.refresh(channel)));
    return hash;
  }

  #newChannel(need: Need, amount: bigint): { channel: ChannelEntry; open: Open } {
    const { keys, domain, payer } = this.parts;
    const salt = randomBytes(8).readBigUInt64BE();
    const signer = keys.key({ asset: need.asset, tenure: need.tenure, salt }).address;
    const terms = { payer, signer, asset: need.asset, tenure: need.tenure, salt };
    const id = channelId(terms, domain);
    const expiresAtSec = this.#expiry(need);
    const channel = newChannel({
      id,
      terms,
      status: 'opening',
      expiresAtSec,
      operators: new Set([hexKey(need.operator)]),
      endpoints: need.endpoints,
    });
    return { channel, open: { ...terms, amount, expiresAtSec } };
  }

  #expiry({ untilSec }: Need): number {
    const { policy, chain } = this.parts;
    return Math.max(chain.nowSec() + policy.channelSpanSec, untilSec + policy.expiryMarginSec);
  }
}

/** What a further quote may sign on a channel. */
const roomOf = (channel: ChannelEntry): bigint => channel.deposited - channel.signed - needsOf(channel);
