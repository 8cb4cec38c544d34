import type { AssetsEvent } from '#contracts/assets.js';
import type { EscrowEvent } from '#contracts/escrow.js';
import type { RevenueEvent } from '#contracts/revenue.js';
import { type Hex, toHex } from '#core/hex.js';
import { tenureKey } from '#core/tenure-key.js';

/** What one tenure of an asset earned and where it went, in minor units. */
export interface TenureAccount {
  readonly asset: bigint;
  readonly tenure: number;
  /** Claimed from channels. */
  claimed: bigint;
  /** Paid outside channels: licences, jobs. */
  paid: bigint;
  /** What of `claimed` was released. */
  collected: bigint;
  fee: bigint;
  /** Credited by children, and how much of that was released. */
  royaltiesIn: bigint;
  royaltiesReleased: bigint;
  /** Credited to parents. */
  royaltiesOut: bigint;
  /** Credited to the owner. */
  released: bigint;
  /** After the fee, as the releases say. */
  releasedEarnings: bigint;
}

/** Everything that events of a chain tell of money that was earned. */
export interface AccountBook {
  /** Of every tenure that earned anything, by asset and tenure. */
  readonly tenures: readonly TenureAccount[];
  /** What each owner, and the treasury, was credited and has not withdrawn; by address. */
  readonly balances: ReadonlyMap<Hex, bigint>;
  /** What payers put into the escrow and neither took out nor spent: their balances and what their channels hold. */
  readonly payers: bigint;
  /** Of every asset, in order of their ids. */
  readonly assets: readonly bigint[];
}

export interface EconomyEvents {
  readonly assets: readonly AssetsEvent[];
  readonly escrow: readonly EscrowEvent[];
  readonly revenue: readonly RevenueEvent[];
}

/** Adds up events, given in the chain's order. */
export function accountBook(events: EconomyEvents): AccountBook {
  const tenures = new Map<string, TenureAccount>();
  const balances = new Map<Hex, bigint>();
  const of = (asset: bigint, tenure: number): TenureAccount => {
    const key = tenureKey({ asset, tenure });
    const account = tenures.get(key) ?? newAccount(asset, tenure);
    tenures.set(key, account);
    return account;
  };
  const credit = (who: Uint8Array, amount: bigint) =>
    balances.set(toHex(who), (balances.get(toHex(who)) ?? 0n) + amount);

  const channels = new Map<Hex, TenureAccount>();
  let payers = 0n;
  for (const event of events.escrow) {
    if (event.name === 'Deposited') payers += event.amount;
    else if (event.name === 'Withdrawn') payers -= event.amount;
    else if (event.name === 'Claimed' || event.name === 'Closed') payers -= event.earned;
    if (event.name === 'Opened') channels.set(toHex(event.channelId), of(event.terms.asset, event.terms.tenure));
    else if (event.name === 'Claimed') of(event.asset, event.tenure).claimed += event.earned;
    else if (event.name === 'Collected') of(event.asset, event.tenure).collected += event.amount;
    else if (event.name === 'Closed') {
      const account = channels.get(toHex(event.channelId));
      if (account !== undefined) account.claimed += event.earned;
    }
  }
  for (const event of events.revenue) {
    switch (event.name) {
      case 'Paid':
        of(event.asset, event.tenure).paid += event.amount;
        break;
      case 'FeeTaken':
        of(event.asset, event.tenure).fee += event.amount;
        credit(event.treasury, event.amount);
        break;
      case 'Released': {
        const account = of(event.asset, event.tenure);
        account.released += event.amount;
        account.releasedEarnings += event.earned;
        account.royaltiesReleased += event.royalties;
        for (const parent of event.parents) {
          of(parent.asset, parent.tenure).royaltiesIn += parent.amount;
          account.royaltiesOut += parent.amount;
        }
        credit(event.owner, event.amount);
        break;
      }
      case 'Withdrawn':
        credit(event.owner, -event.amount);
        break;
    }
  }
  const minted = events.assets.flatMap((event) => (event.name === 'Minted' ? [event.asset] : []));
  const earning = [...tenures.values()].filter((account) => account.claimed + account.paid + account.royaltiesIn > 0n);
  return { tenures: earning.sort(inOrder), balances, payers, assets: minted };
}

const newAccount = (asset: bigint, tenure: number): TenureAccount => ({
  asset,
  tenure,
  claimed: 0n,
  paid: 0n,
  collected: 0n,
  fee: 0n,
  royaltiesIn: 0n,
  royaltiesReleased: 0n,
  royaltiesOut: 0n,
  released: 0n,
  releasedEarnings: 0n,
});

const inOrder = (a: TenureAccount, b: TenureAccount): number =>
  a.asset === b.asset ? a.tenure - b.tenure : a.asset < b.asset ? -1 : 1;
