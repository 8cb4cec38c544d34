import type { Anchor } from '#contracts/anchor.js';
import { type Claim, MAX_BATCH, parseEscrowLogs, type SkipReason } from '#contracts/escrow.js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import { minAmount } from '#core/money.js';
import { Payment } from '#protos/weft/payment/v1/payment.js';
import type { TransactionSender } from '../chain/transaction-sender.js';
import { hashCall } from '../typed-data.js';
import { readPayment } from '../wire.js';
import { Anchorer, type Anchoring, type AnchorPolicy, defaultAnchorPolicy } from './anchorer.js';
import type { ChainView } from './chain-view.js';
import type { LedgerChannel } from './ledger-channel.js';
import { LicenceSettler } from './licence-settler.js';
import type { ProviderLedger } from './provider-ledger.js';
import { defaultPolicy, isDue, type SettlePolicy } from './settle-policy.js';
import { underLock } from './under-lock.js';

/** Who claims and anchors for an asset's tenure: the sender holds the operator's key. */
export interface Claimant {
  readonly asset: bigint;
  readonly tenure: number;
  readonly sender: TransactionSender;
}

export interface SettlerOptions {
  readonly ledger: ProviderLedger;
  readonly chain: ChainView;
  readonly claimants: readonly Claimant[];
  readonly policy?: Partial<SettlePolicy>;
  /** Where receipts are anchored, and when; without it they are not. */
  readonly anchoring?: { readonly anchor: Anchor; readonly policy?: Partial<AnchorPolicy> };
  /** How often it looks. Default 15,000. */
  readonly everyMs?: number;
  /** For so long after a claim the settler looks whether the chain still knows it. Default 900. */
  readonly watchSec?: number;
  readonly onError?: (error: unknown) => void;
  /** For tests that kill the process once a claim is mined and not recorded. */
  readonly onClaimed?: () => void;
  /** The same for an epoch that is durable and not sent. */
  readonly onEpoch?: () => void;
}

/** One channel's part of a claim, or what the licences of a tenure earned. */
export interface Settlement {
  readonly asset: bigint;
  readonly tenure: number;
  /** Undefined for licences. */
  readonly channel: Uint8Array | undefined;
  /** What it added to the tenure's income. */
  readonly amount: bigint;
  /** Hash of the transaction. */
  readonly transaction: string;
}

const WATCHED_PER_ROUND = 50;
const WATCH_SEC = 900;

interface Watched {
  readonly id: Uint8Array;
  readonly untilSec: number;
}

/**
 * Claims what was earned (`spent`, never what was authorised), many channels in a transaction, and anchors the receipts
 * of what was served. Everything it does may
 * be done twice: a claim is cumulative, so a second one is passed over by the contract, and what it believes about the
 * chain it reads from there before and after.
 */
export class Settler {
  readonly #options: SettlerOptions;
  readonly #policy: SettlePolicy;
  readonly #anchorer: Anchorer | undefined;
  /** Channels claimed lately, and until when they are watched. */
  readonly #watched = new Map<string, Watched>();
  /** Channels with earnings that can no longer be claimed; said once. */
  readonly #gone = new Set<string>();
  readonly #licences: LicenceSettler;
  #windowSec: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: SettlerOptions) {
    this.#options = options;
    this.#policy = { ...defaultPolicy, ...options.policy };
    const { anchoring, ledger, chain, onEpoch } = options;
    this.#anchorer =
      anchoring &&
      new Anchorer({
        anchor: anchoring.anchor,
        epochs: ledger.epochs,
        policy: { ...defaultAnchorPolicy, ...anchoring.policy },
        nowSec: () => chain.nowSec(),
        onError: (error) => this.#report(error),
        onEpoch,
      });
    this.#licences = new LicenceSettler({
      ledger: options.ledger,
      chain: options.chain,
      policy: this.#policy,
      watchSec: options.watchSec ?? WATCH_SEC,
      report: (error) => this.#report(error),
      unlessUnclear: (work) => this.#unlessUnclear(work),
    });
  }

  /** Looks once at every channel that was claimed before, then settles and anchors whenever the policies say so. */
  async start(): Promise<void> {
    for (const channel of await this.#options.ledger.channels())
      if (channel.state !== 'CLOSED' && channel.claimed > 0n) this.#watch(channel.id);
    let busy = false;
    this.#timer = setInterval(() => {
      if (busy) return;
      busy = true;
      this.#inTurn(async () => {
        await this.#round(false).catch((error) => this.#report(error));
        await this.#anchor(false).catch((error) => this.#report(error));
      }).finally(() => {
        busy = false;
      });
    }, this.#options.everyMs ?? 15_000);
    this.#timer.unref();
  }

  /** Claims all that is earned, now. Errors: CHAIN_UNAVAILABLE, LEDGER_UNAVAILABLE, TRANSACTION_REVERTED. */
  async settleNow(): Promise<Settlement[]> {
    return await this.#inTurn(() => this.#round(true));
  }

  /** Anchors all receipts that are not, now. Errors: as of `settleNow`. */
  async anchorNow(): Promise<Anchoring[]> {
    return await this.#inTurn(() => this.#anchor(true));
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#last;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #round(all: boolean): Promise<Settlement[]> {
    const { ledger, chain, claimants } = this.#options;
    this.#windowSec ??= await chain.windowSec();
    await this.#unlessUnclear(chain.newestBlock());
    // What earlier claims became may be unclear while a node is not believed: that keeps nobody from claiming.
    const lost = (await this.#unlessUnclear(this.#checkWatched())) ?? new Set<string>();
    const lostPasses = (await this.#unlessUnclear(this.#licences.lost())) ?? false;
    const unclaimed = await ledger.channels('unclaimed');
    const settlements: Settlement[] = [];
    const senders = new Set(claimants.map(({ sender }) => sender));
    for (const sender of senders) {
      // A reorg took claims out of the chain: their transactions are still good.
      if (lost.size > 0 || lostPasses) await sender.resume();
      const mine = claimants.filter((each) => each.sender === sender);
      const due = unclaimed.filter(
        (channel) =>
          mine.some(({ asset, tenure }) => asset === channel.terms.asset && tenure === channel.terms.tenure) &&
          (all || lost.has(keyOf(channel.id)) || this.#isDue(channel)),
      );
      const licences = await this.#licences.work(mine, all, this.#windowSec);
      if (due.length === 0 && licences === undefined) continue;
      await this.#underLock(sender.address, all, async () => {
        for (let at = 0; at < due.length; at += MAX_BATCH)
          settlements.push(...(await this.#claim(sender, due.slice(at, at + MAX_BATCH))));
        if (licences !== undefined)
          settlements.push(...(await this.#licences.settle(sender, licences, this.#windowSec!)));
      });
    }
    return settlements;
  }

  async #anchor(all: boolean): Promise<Anchoring[]> {
    const anchorer = this.#anchorer;
    if (anchorer === undefined) return [];
    const anchorings: Anchoring[] = [];
    for (const claimant of this.#options.claimants) {
      try {
        if (!(await anchorer.isDue(claimant, all))) continue;
        await this.#underLock(claimant.sender.address, all, async () => {
          anchorings.push(...(await anchorer.run(claimant, all)));
        });
      } catch (error) {
        if (all) throw error;
        this.#report(error); // the other assets' receipts need not wait for it
      }
    }
    return anchorings;
  }

  #isDue({ spent, claimed, unclaimedSinceSec: sinceSec, expiresAtSec }: LedgerChannel): boolean {
    const unclaimed = { amount: spent - claimed, sinceSec, releaseSec: expiresAtSec + this.#windowSec! };
    return isDue(unclaimed, this.#policy, this.#options.chain.nowSec());
  }

  async #claim(sender: TransactionSender, channels: readonly LedgerChannel[]): Promise<Settlement[]> {
    const { chain, onClaimed } = this.#options;
    const claims: { channel: LedgerChannel; claim: Claim }[] = [];
    for (const channel of channels) {
      const claim = await this.#claimOf(channel);
      if (claim !== undefined) claims.push({ channel, claim });
    }
    if (claims.length === 0) return [];
    // Neighbours of one asset share its storage, which makes them cheaper.
    claims.sort((a, b) => Number(a.claim.terms.asset - b.claim.terms.asset));
    const receipt = await sender.send(chain.escrow.claim(claims.map(({ claim }) => claim)));
    onClaimed?.();
    const settlements: Settlement[] = [];
    for (const event of parseEscrowLogs(receipt.logs, chain.escrow.address)) {
      if (event.name === 'Skipped') this.#reportSkipped(event.channelId, event.reason, receipt.hash);
      if (event.name !== 'Claimed') continue;
      const { asset, tenure, channelId, earned } = event;
      settlements.push({ asset, tenure, channel: channelId, amount: earned, transaction: receipt.hash });
    }
    for (const { channel } of claims) {
      await this.#record(channel.id);
    }
    return settlements;
  }

  /** What to claim of a channel as the chain shows it now; undefined if there is nothing, or no longer. */
  async #claimOf(channel: LedgerChannel): Promise<Claim | undefined> {
    const { chain } = this.#options;
    const onChain = await chain.newestChannel(channel.id);
    const { terms, spent, voucher } = channel;
    if (onChain.status !== 'open' || onChain.claimed >= spent) {
      await this.#record(channel.id);
      return undefined;
    }
    if (chain.nowSec() >= onChain.expiresAtSec + this.#windowSec!) {
      if (!this.#gone.has(keyOf(channel.id)))
        this.#report(
          new Error(`channel ${toHex(channel.id)} is past its release: ${spent - onChain.claimed} are lost`),
        );
      this.#gone.add(keyOf(channel.id));
      return undefined;
    }
    if (voucher === undefined) {
      this.#report(new Error(`channel ${toHex(channel.id)} has earnings and no voucher`));
      return undefined;
    }
    const { cumulative, call, signature } = readPayment(Payment.decode(voucher));
    const amount = minAmount(spent, onChain.deposited);
    return { terms, amount, cumulative, commitment: hashCall(call), signature };
  }

  /** Takes over what the chain shows, now or in a later round. */
  async #record(id: Uint8Array): Promise<void> {
    const { chain, ledger } = this.#options;
    this.#watch(id);
    const onChain = await this.#unlessUnclear(chain.channel(id));
    if (onChain !== undefined) await ledger.updateFromChain(id, onChain);
  }

  async #unlessUnclear<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof WeftError) || error.reason !== 'CHAIN_UNAVAILABLE') throw error;
      this.#report(error);
      return undefined;
    }
  }

  /** Reads channels again that were claimed lately; those of which less is claimed now than was recorded are due again. */
  async #checkWatched(): Promise<Set<string>> {
    const { chain, ledger } = this.#options;
    const lost = new Set<string>();
    const check = async ([key, { id, untilSec }]: [string, Watched]) => {
      const [before, now] = await Promise.all([ledger.channel(id), chain.channel(id)]);
      if (before !== undefined && now.claimed !== before.claimed) {
        if (now.claimed < before.claimed) lost.add(key);
        await ledger.updateFromChain(id, now);
      }
      this.#watched.delete(key);
      // Those that wait longest come first the next time.
      if (chain.nowSec() <= untilSec) this.#watched.set(key, { id, untilSec });
    };
    await Promise.all([...this.#watched].slice(0, WATCHED_PER_ROUND).map(check));
    return lost;
  }

  #watch(id: Uint8Array): void {
    this.#watched.set(keyOf(id), {
      id,
      untilSec: this.#options.chain.nowSec() + (this.#options.watchSec ?? WATCH_SEC),
    });
  }

  /** One process at a time claims with a key. */
  async #underLock(operator: string, wait: boolean, work: () => Promise<void>): Promise<void> {
    await underLock(this.#options.ledger.pool, `weft settler ${operator}`, wait, work);
  }

  #reportSkipped(channel: Uint8Array, reason: SkipReason, transaction: string): void {
    // Somebody, perhaps an earlier life of ours, was first.
    if (reason === 'NothingNew' || reason === 'NotOpen') return;
    const message = `the escrow passed over the claim of channel ${toHex(channel)}: ${reason}`;
    this.#report(new WeftError('TRANSACTION_REVERTED', message, { reason, transaction }));
  }

  #report(error: unknown): void {
    this.#options.onError?.(error);
  }
}

const keyOf = (id: Uint8Array): string => Buffer.from(id).toString('latin1');
