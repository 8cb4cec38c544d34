import { type LicenceClaim, MAX_LICENCES, parseLicenceLogs } from '#contracts/licences.js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import { tenureKey } from '#core/tenure-key.js';
import { keyOf } from '#platform/key-of.js';
import { Payment } from '#protos/weft/payment/v1/payment.js';
import type { TransactionSender } from '../chain/transaction-sender.js';
import { hashCall } from '../typed-data.js';
import { readLicencePayment } from '../wire.js';
import type { ChainView } from './chain-view.js';
import type { LedgerLicence } from './licence-ledger.js';
import type { ProviderLedger } from './provider-ledger.js';
import { isDue, type SettlePolicy } from './settle-policy.js';
import type { Settlement } from './settler.js';

interface Tenure {
  readonly asset: bigint;
  readonly tenure: number;
}

export interface LicenceSettlerOptions {
  readonly ledger: ProviderLedger;
  readonly chain: ChainView;
  readonly policy: SettlePolicy;
  /** For so long after a claim it looks whether the chain still knows it. */
  readonly watchSec: number;
  readonly report: (error: unknown) => void;
  /** What the chain shows, or undefined while a node is not believed. */
  readonly unlessUnclear: <T>(work: Promise<T>) => Promise<T | undefined>;
}

/** What there is to do for one key's tenures. */
export interface LicenceWork {
  readonly passes: readonly LedgerLicence[];
  readonly pushes: readonly (Tenure & { readonly licences: readonly Uint8Array[] })[];
}

/**
 * Tells the chain how often passes were used, and sends what licences have earned, by use or by time, on to Revenue. As
 * with channels all of it may be done twice: counts only grow, and what was pushed is not there any more.
 */
export class LicenceSettler {
  readonly #pushedAtSec = new Map<string, number>();
  /** Passes claimed lately, by id. */
  readonly #watched = new Map<string, { readonly id: Uint8Array; readonly untilSec: number }>();
  /** Passes whose calls can no longer be claimed; said once. */
  readonly #gone = new Set<string>();

  constructor(private readonly options: LicenceSettlerOptions) {}

  /** Undefined if there is nothing to do. */
  async work(tenures: readonly Tenure[], all: boolean, windowSec: number): Promise<LicenceWork | undefined> {
    const { ledger, chain, policy } = this.options;
    if (chain.licences === undefined) return undefined;
    const nowSec = chain.nowSec();
    const keys = new Set(tenures.map(tenureKey));
    const mine = (await ledger.licences.licences('all')).filter((each) => keys.has(tenureKey(each)));
    if (mine.length === 0) return undefined;
    const passes = mine.filter(({ spent, claimed, worth, unclaimedSinceSec: sinceSec, untilSec }) => {
      const unclaimed = {
        amount: worth,
        sinceSec,
        releaseSec: untilSec === undefined ? undefined : untilSec + windowSec,
      };
      return spent > claimed && (all || isDue(unclaimed, policy, nowSec));
    });
    const due = tenures.filter(
      (each) => all || nowSec - (this.#pushedAtSec.get(tenureKey(each)) ?? 0) >= policy.ageSec,
    );
    const pushes = due.map(({ asset, tenure }) => {
      const key = tenureKey({ asset, tenure });
      const lastSec = this.#pushedAtSec.get(key) ?? 0;
      const licences = mine
        .filter((each) => tenureKey(each) === key && !each.counted && (each.untilSec ?? 0) > lastSec)
        .map(({ id }) => id);
      return { asset, tenure, licences };
    });
    return passes.length === 0 && pushes.length === 0 ? undefined : { passes, pushes };
  }

  /** Reads passes again that were claimed lately; whether a reorg took some of that back. */
  async lost(): Promise<boolean> {
    const { chain, ledger } = this.options;
    let lost = false;
    for (const [key, { id, untilSec }] of this.#watched) {
      const before = await ledger.licences.licence(id);
      const after = await this.#reread(id);
      if (before !== undefined && after !== undefined && after.claimed < before.claimed) lost = true;
      if (chain.nowSec() > untilSec) this.#watched.delete(key);
    }
    return lost;
  }

  async settle(sender: TransactionSender, { passes, pushes }: LicenceWork, windowSec: number): Promise<Settlement[]> {
    const settlements: Settlement[] = [];
    for (let at = 0; at < passes.length; at += MAX_LICENCES)
      settlements.push(...(await this.#claim(sender, passes.slice(at, at + MAX_LICENCES), windowSec)));
    for (const push of pushes) settlements.push(...(await this.#push(sender, push)));
    return settlements;
  }

  async #claim(sender: TransactionSender, passes: readonly LedgerLicence[], windowSec: number): Promise<Settlement[]> {
    const { chain, report } = this.options;
    const licences = chain.licences!;
    const claims: LicenceClaim[] = [];
    for (const pass of passes) {
      const claim = await this.#claimOf(pass, windowSec);
      if (claim !== undefined) claims.push(claim);
    }
    if (claims.length === 0) return [];
    const { logs, hash: transaction } = await sender.send(licences.claim(claims));
    for (const event of parseLicenceLogs(logs, licences.address)) {
      // Somebody, perhaps an earlier life of ours, was first.
      if (event.name !== 'Skipped' || event.reason === 'NothingNew' || event.reason === 'NotRunning') continue;
      const message = `the claim of pass ${toHex(event.licenceId)} was passed over: ${event.reason}`;
      report(new WeftError('TRANSACTION_REVERTED', message, { reason: event.reason, transaction }));
    }
    const untilSec = chain.nowSec() + this.options.watchSec;
    for (const { licenceId } of claims) {
      const id = licenceId as Uint8Array;
      this.#watched.set(keyOf(id), { id, untilSec });
      await this.#record(id);
    }
    return [];
  }

  /** What to claim of a pass as the chain shows it now; undefined if there is nothing, or no longer. */
  async #claimOf(pass: LedgerLicence, windowSec: number): Promise<LicenceClaim | undefined> {
    const { chain, report } = this.options;
    const { id, spent, voucher } = pass;
    const onChain = await chain.licences!.state(id);
    if (onChain.holder === undefined || onChain.uses >= spent) {
      await this.#record(id);
      return undefined;
    }
    const gone = (why: string): undefined => {
      if (!this.#gone.has(keyOf(id)))
        report(new Error(`${spent - onChain.uses} calls of pass ${toHex(id)} cannot be claimed: ${why}`));
      this.#gone.add(keyOf(id));
    };
    if (onChain.validUntilSec !== undefined && chain.nowSec() >= onChain.validUntilSec + windowSec)
      return gone('it is past its release');
    if (voucher === undefined) return gone('the ledger has no use that its signer signed');
    const { uses: signedUses, call, signature } = readLicencePayment(Payment.decode(voucher));
    return { licenceId: id, uses: spent, signedUses, commitment: hashCall(call), signature };
  }

  async #push(
    sender: TransactionSender,
    { asset, tenure, licences: ids }: LicenceWork['pushes'][number],
  ): Promise<Settlement[]> {
    const { chain } = this.options;
    const licences = chain.licences!;
    const settlements: Settlement[] = [];
    for (let at = 0; at === 0 || at < ids.length; at += MAX_LICENCES) {
      const some = ids.slice(at, at + MAX_LICENCES);
      if ((await licences.pushable(asset, tenure, some)) === 0n) continue;
      const { logs, hash: transaction } = await sender.send(licences.push(asset, tenure, some));
      for (const event of parseLicenceLogs(logs, licences.address))
        if (event.name === 'Pushed') {
          const { amount } = event;
          settlements.push({ asset, tenure, channel: undefined, amount, transaction });
        }
    }
    this.#pushedAtSec.set(tenureKey({ asset, tenure }), chain.nowSec());
    return settlements;
  }

  /** Takes over what the chain shows, now or in a later round: what is unclear keeps nothing else from being claimed. */
  async #record(id: Uint8Array): Promise<void> {
    await this.options.unlessUnclear(this.#reread(id));
  }

  async #reread(id: Uint8Array): Promise<LedgerLicence | undefined> {
    const { chain, ledger } = this.options;
    return await ledger.licences.take(id, await chain.licence(id));
  }
}
