import type { Channel } from '#contracts/escrow.js';
import type { ChannelTerms } from '../typed-data.js';

/**
 * OPEN takes calls. RECONCILE: calls may have been lost, nothing is charged until the payer has sent its receipts.
 * FROZEN: a `Close` was signed, `spent` is final. CLOSED: closed on chain.
 */
export type LedgerChannelState = 'OPEN' | 'RECONCILE' | 'FROZEN' | 'CLOSED';

/** One channel as the provider's ledger knows it. */
export interface LedgerChannel {
  /** 32 bytes. */
  readonly id: Uint8Array;
  readonly terms: ChannelTerms;
  readonly state: LedgerChannelState;
  /** Amount of the highest voucher, or what had been claimed when the channel was first seen. */
  readonly authorised: bigint;
  /** The highest voucher as it came, a `weft.payment.v1.Payment`. */
  readonly voucher: Uint8Array | undefined;
  readonly spent: bigint;
  readonly calls: bigint;
  /** These as last read from the chain. */
  readonly deposited: bigint;
  readonly claimed: bigint;
  readonly expiresAtSec: number;
  readonly unclaimedSinceSec: number | undefined;
}

/** What a channel needs to be taken into the ledger. */
export interface NewChannel {
  readonly id: Uint8Array;
  readonly terms: ChannelTerms;
  readonly onChain: Channel;
  /** Whether the ledger has been there for the channel's whole life. */
  readonly wholeLife: boolean;
}

export interface ChannelRow {
  readonly id: Buffer;
  readonly payer: Buffer;
  readonly signer: Buffer;
  readonly asset: string;
  readonly tenure: string;
  readonly salt: string;
  readonly state: LedgerChannelState;
  readonly authorised: string;
  readonly voucher: Buffer | null;
  readonly spent: string;
  readonly calls: string;
  readonly deposited: string;
  readonly claimed: string;
  readonly expires_at_sec: string;
  readonly unclaimed_since_sec: string | null;
}

export const toChannel = (row: ChannelRow): LedgerChannel => ({
  id: row.id,
  terms: {
    payer: row.payer,
    signer: row.signer,
    asset: BigInt(row.asset),
    tenure: Number(row.tenure),
    salt: BigInt(row.salt),
  },
  state: row.state,
  authorised: BigInt(row.authorised),
  voucher: row.voucher ?? undefined,
  spent: BigInt(row.spent),
  calls: BigInt(row.calls),
  deposited: BigInt(row.deposited),
  claimed: BigInt(row.claimed),
  expiresAtSec: Number(row.expires_at_sec),
  unclaimedSinceSec: row.unclaimed_since_sec === null ? undefined : Number(row.unclaimed_since_sec),
});
