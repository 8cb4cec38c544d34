import type { Call, ChannelTerms, Receipt } from '../../typed-data.js';
import type { Signed } from '../../wire.js';
import type { CallState, JobState, PinRequest } from '../wallet.js';

/*
 * The ledger's objects as they stand in memory. Only `Ledger` changes them, in single synchronous steps, so that no
 * two decisions can see the same money.
 */

/** What a token may spend; an undefined limit is none. */
export interface SpendingLimits {
  readonly total: bigint | undefined;
  readonly perCall: bigint | undefined;
  /** Of one UTC day. */
  readonly perDay: bigint | undefined;
  readonly expiresAtSec: number | undefined;
}

export const tokenScopes = ['READ', 'SPEND', 'ADMIN'] as const;
export type TokenScope = (typeof tokenScopes)[number];

/** Whoever asks, with what it may spend. */
export interface TokenEntry {
  readonly name: string;
  /** sha-256 of the secret. */
  hash: Uint8Array;
  readonly scope: TokenScope;
  readonly limits: SpendingLimits;
  revoked: boolean;
  settled: bigint;
  /** Maxima of its calls that are RESERVED, DOUBT or DISPUTED. */
  held: bigint;
  /** Signed for its calls, not charged, and still in the provider's hands. */
  loose: bigint;
  /** UTC day that `daySpent` is of. */
  day: number;
  daySpent: bigint;
}

export interface PinEntry extends PinRequest {
  /** Undefined when the pin is free of charge. */
  channel: ChannelEntry | undefined;
  settled: bigint;
  held: bigint;
}

export interface QuoteEntry {
  readonly key: string;
  readonly id: Uint8Array;
  readonly pins: readonly PinEntry[];
  readonly maxTotal: bigint;
  /** What it may spend: the lesser of `maxTotal` and the sum over its pins. */
  readonly limit: bigint;
  expiresAtSec: number;
  signature: Uint8Array;
  readonly token: TokenEntry | undefined;
  closed: boolean;
  settled: bigint;
  held: bigint;
  loose: bigint;
}

/** Money that a provider holds a voucher for and has not charged: `quote` signed it, on `day`. */
export interface LooseMoney {
  readonly quote: QuoteEntry;
  readonly day: number;
  amount: bigint;
}

export type ChannelStatus = 'opening' | 'open' | 'closing' | 'closed';

export interface ChannelEntry {
  readonly key: string;
  readonly id: Uint8Array;
  readonly terms: ChannelTerms;
  status: ChannelStatus;
  /** Confirmed on chain. */
  deposited: bigint;
  claimed: bigint;
  expiresAtSec: number;
  /** Highest cumulative amount that was signed. Never less than `settled + reserved` as long as providers are honest. */
  signed: bigint;
  settled: bigint;
  /** Maxima of its calls that are RESERVED, DOUBT or DISPUTED. */
  reserved: bigint;
  /** No voucher above this leaves before its row is durable; itself durable. */
  ceiling: bigint;
  /** How far the ceiling was last put above `signed`. */
  step: bigint;
  /** Calls that are RESERVED or DOUBT. */
  inFlight: number;
  /** Adds up to `signed - settled - reserved` less what nobody is known to have signed. */
  loose: LooseMoney[];
  /** False from a start until the provider has told what it knows: vouchers may have left that the ledger forgot. */
  proven: boolean;
  /** Found on chain by a new ledger: what was signed on it only its provider knows. */
  imported: boolean;
  /** Keys that sign for the asset in this tenure, in hex. */
  readonly operators: Set<string>;
  endpoints: readonly string[];
  /** Open quotes with a pin on it. */
  readonly quotes: Set<QuoteEntry>;
}

export interface CallEntry {
  readonly key: string;
  readonly channel: ChannelEntry;
  /** Undefined for a charge that only the provider remembered; then `call` knows its id alone. */
  quote: QuoteEntry | undefined;
  pin: PinEntry | undefined;
  call: Call;
  /** Hash of `call`. */
  readonly commitment: Uint8Array;
  state: CallState;
  /** Of the voucher that was signed for it last. */
  cumulative: bigint;
  /** UTC day on which its money was reserved. */
  day: number;
  /** Vouchers handed out and not answered. */
  attempts: number;
  /** Some attempt ended unclear, or a restart forgot how many there were: `not-charged` is no longer believed. */
  unclear: boolean;
  lastAttemptSec: number;
  receipt: Signed<Receipt> | undefined;
}

/** A call that a job pays: its amount is held until the chain says how the job ended. */
export interface JobEntry {
  /** The call's id. */
  readonly key: string;
  readonly jobId: Uint8Array;
  /** Undefined, like `pin`, for a job that only the chain remembered; then `call` knows its id and amount alone. */
  quote: QuoteEntry | undefined;
  pin: PinEntry | undefined;
  readonly asset: bigint;
  readonly tenure: number;
  call: Call;
  readonly commitment: Uint8Array;
  readonly evaluator: Uint8Array;
  readonly expiresAtSec: number;
  readonly reviewSec: number;
  state: JobState;
  readonly day: number;
  paid: bigint;
  receipt: Signed<Receipt> | undefined;
}

export const isOpenJob = ({ state }: JobEntry): boolean =>
  state === 'FUNDING' || state === 'FUNDED' || state === 'SUBMITTED';

export const idKey = (id: Uint8Array): string => Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('hex');

/** Signed on the channel by nobody known: after a crash, or with a ledger that was lost. */
export function unownedOf(channel: ChannelEntry): bigint {
  let rest = channel.signed - channel.settled - channel.reserved;
  for (const { amount } of channel.loose) rest -= amount;
  return rest > 0n ? rest : 0n;
}

/** A channel on which nothing has happened yet. */
export const newChannel = (
  fields: Pick<ChannelEntry, 'id' | 'terms' | 'status' | 'expiresAtSec'> & Partial<ChannelEntry>,
): ChannelEntry => ({
  key: idKey(fields.id),
  deposited: 0n,
  claimed: 0n,
  signed: 0n,
  settled: 0n,
  reserved: 0n,
  ceiling: 0n,
  step: 0n,
  inFlight: 0,
  loose: [],
  proven: true,
  imported: false,
  operators: new Set(),
  endpoints: [],
  quotes: new Set(),
  ...fields,
});

export const isOpenCall = ({ state }: CallEntry): boolean => state === 'RESERVED' || state === 'DOUBT';

/** Calls whose maximum is still set aside. */
export const isHeld = (call: CallEntry): boolean => isOpenCall(call) || call.state === 'DISPUTED';

/** DISPUTED is final as well, but keeps its money. */
export const isFinal = ({ state }: CallEntry): boolean =>
  state === 'SETTLED' || state === 'VOID' || state === 'DISPUTED';

export const isOwned = (entry: CallEntry): entry is CallEntry & { quote: QuoteEntry; pin: PinEntry } =>
  entry.quote !== undefined && entry.pin !== undefined;

/** What a quote may spend. */
export function limitOf(pins: readonly { calls: number; maxPerCall: bigint }[], maxTotal: bigint): bigint {
  const sum = pins.reduce((total, pin) => total + BigInt(pin.calls) * pin.maxPerCall, 0n);
  return sum < maxTotal ? sum : maxTotal;
}

/** Adds money that a provider holds a voucher for and did not charge. */
export function addLoose(channel: ChannelEntry, quote: QuoteEntry, day: number, amount: bigint): void {
  const same = channel.loose.find((loose) => loose.quote === quote && loose.day === day);
  if (same === undefined) channel.loose.push({ quote, day, amount });
  else same.amount += amount;
  quote.loose += amount;
  if (quote.token !== undefined) quote.token.loose += amount;
}
