import type { Anchor } from '#contracts/anchor.js';
import { sameBytes } from '#core/hex.js';
import { maxAmount } from '#core/money.js';
import type { EpochLedger, LedgerEpoch } from './epoch-ledger.js';
import type { Claimant } from './settler.js';

/** When receipts are worth an epoch of their own: either is enough. */
export interface AnchorPolicy {
  readonly receipts: number;
  /** Since the oldest that is not anchored. */
  readonly ageSec: number;
}

export const defaultAnchorPolicy: AnchorPolicy = { receipts: 1_000, ageSec: 3_600 };

/** An epoch that is on chain now. */
export interface Anchoring {
  readonly asset: bigint;
  readonly tenure: number;
  readonly epoch: bigint;
  readonly root: Uint8Array;
  readonly receipts: bigint;
  readonly amount: bigint;
}

export interface AnchorerOptions {
  readonly anchor: Anchor;
  readonly epochs: EpochLedger;
  readonly policy: AnchorPolicy;
  readonly nowSec: () => number;
  readonly onError: (error: unknown) => void;
  /** For tests that kill the process once an epoch is durable and not sent. */
  readonly onEpoch?: (() => void) | undefined;
}

/**
 * Anchors the receipts of tenures. An epoch is durable before its transaction is made, and its transaction before it is
 * broadcast; what is on chain is read there and believed over the ledger. So a process may die at any instant: the next
 * round goes on with the same epoch, and the contract takes a number once.
 */
export class Anchorer {
  constructor(private readonly options: AnchorerOptions) {}

  /** Whether there is something to do for a tenure, by the ledger and, if it has epochs, by the chain. */
  async isDue(tenure: Claimant, all: boolean): Promise<boolean> {
    const { anchor, epochs, policy, nowSec } = this.options;
    const { receipts, sinceSec } = await epochs.waiting(tenure, policy.receipts);
    if (receipts > 0 && (all || receipts >= policy.receipts)) return true;
    if (sinceSec !== undefined && nowSec() - sinceSec >= policy.ageSec) return true;
    if ((await epochs.highest(tenure)) === 0n) return false;
    return (await epochs.pending(tenure, await anchor.epochs(tenure.asset, tenure.tenure))) !== undefined;
  }

  /** Brings onto the chain what is written down, then what waits. Needs the lock of the tenure's operator. */
  async run(tenure: Claimant, all: boolean): Promise<Anchoring[]> {
    const { anchor, epochs, onEpoch } = this.options;
    const { asset } = tenure;
    const done: Anchoring[] = [];
    if ((await epochs.highest(tenure)) > 0n && (await this.#next(tenure)) !== undefined)
      // An earlier life of ours may have sent it: its transaction ends first, whichever way.
      await tenure.sender.settled();
    while (await this.isDue(tenure, all)) {
      let epoch = await this.#next(tenure);
      if (epoch === undefined) {
        const onChain = await anchor.epochs(asset, tenure.tenure);
        epoch = await epochs.make(tenure, maxAmount(onChain, await epochs.highest(tenure)) + 1n);
        if (epoch === undefined) break; // all that waits are streams that run
        onEpoch?.();
      }
      const sent = await this.#bring(tenure, epoch);
      if (sent !== undefined) done.push(sent);
    }
    return done;
  }

  async #next(tenure: Claimant): Promise<LedgerEpoch | undefined> {
    const { anchor, epochs } = this.options;
    return await epochs.pending(tenure, await anchor.epochs(tenure.asset, tenure.tenure));
  }

  /** Sends it, or notes that the chain has it. */
  async #bring(tenure: Claimant, epoch: LedgerEpoch): Promise<Anchoring | undefined> {
    const { anchor, epochs, onError } = this.options;
    const { asset, tenure: period, sender } = tenure;
    const onChain = await anchor.epochs(asset, period);
    for (let number = epoch.number; number <= onChain; number++) {
      const there = await anchor.epoch(asset, period, number);
      if (there === undefined || !sameBytes(there.root, epoch.root)) continue;
      await epochs.confirm(epoch, number, there.anchoredAtSec);
      const { root, receipts, amount } = epoch;
      return { asset, tenure: period, epoch: number, root, receipts, amount };
    }
    if (onChain >= epoch.number) {
      // Another ledger works with this operator's key. Its receipts are its own; ours come after them.
      const next = maxAmount(onChain, await epochs.highest(tenure)) + 1n;
      const what = `epoch ${epoch.number} of asset ${asset} holds other receipts on chain than in this ledger`;
      onError(new Error(`${what}: these go into epoch ${next}`));
      await epochs.renumber(epoch, next);
      return undefined;
    }
    const next = onChain + 1n;
    if (next !== epoch.number) await epochs.renumber(epoch, next);
    await sender.send(anchor.anchor(asset, period, next, epoch));
    return undefined;
  }
}
