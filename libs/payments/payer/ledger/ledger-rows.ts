import { Receipt as ReceiptMessage } from '#protos/weft/payment/v1/payment.js';
import { readReceipt, writeReceipt } from '../../wire.js';
import { type CallState, callStates, type JobState, jobStates } from '../wallet.js';
import {
  type CallEntry,
  type ChannelEntry,
  type ChannelStatus,
  idKey,
  isHeld,
  type JobEntry,
  limitOf,
  newChannel,
  type PinEntry,
  type QuoteEntry,
  type TokenEntry,
  type TokenScope,
} from './ledger-state.js';

/*
 * Between entries in memory and rows of schema `payer`. Rows are written as JSON that PostgreSQL itself turns into
 * records, hence numbers as text and bytes as `\x…`.
 */

const bytea = (bytes: Uint8Array): string => `\\x${idKey(bytes)}`;

export const channelToRow = (channel: ChannelEntry, ceiling: bigint) => ({
  id: bytea(channel.id),
  signer: bytea(channel.terms.signer),
  asset: String(channel.terms.asset),
  tenure: channel.terms.tenure,
  salt: String(channel.terms.salt),
  status: channel.status,
  deposited: String(channel.deposited),
  claimed: String(channel.claimed),
  expires_at_sec: channel.expiresAtSec,
  signed: String(channel.signed),
  settled: String(channel.settled),
  ceiling: String(ceiling),
  loose: channel.loose.map(({ quote, day, amount }) => ({ quote: quote.key, day, amount: String(amount) })),
  imported: channel.imported,
  operators: [...channel.operators],
  endpoints: channel.endpoints,
});

export const quoteToRow = (quote: QuoteEntry) => ({
  id: bytea(quote.id),
  pins: quote.pins.map(pinToJson),
  max_total: String(quote.maxTotal),
  expires_at_sec: quote.expiresAtSec,
  signature: bytea(quote.signature),
  token: quote.token?.name ?? null,
  closed: quote.closed,
  settled: String(quote.settled),
});

const pinToJson = (pin: PinEntry) => ({
  step: pin.step,
  listing: idKey(pin.listing),
  method: pin.method,
  calls: pin.calls,
  maxPerCall: String(pin.maxPerCall),
  asset: String(pin.asset),
  tenure: pin.tenure,
  operator: idKey(pin.operator),
  endpoints: pin.endpoints,
  minChannel: String(pin.minChannel),
  channel: pin.channel?.key ?? null,
  settled: String(pin.settled),
  ...(pin.job === undefined
    ? {}
    : { job: { ...pin.job, evaluator: pin.job.evaluator === undefined ? null : idKey(pin.job.evaluator) } }),
  ...(pin.licence === undefined ? {} : { licence: idKey(pin.licence) }),
});

export const callToRow = (entry: CallEntry) => ({
  id: `\\x${entry.key}`,
  channel: bytea(entry.channel.id),
  quote: entry.quote === undefined ? null : bytea(entry.quote.id),
  step: entry.pin?.step ?? null,
  listing: bytea(entry.call.listing),
  method: entry.call.method,
  request_digest: bytea(entry.call.requestDigest),
  max_amount: String(entry.call.maxAmount),
  commitment: bytea(entry.commitment),
  state: entry.state,
  cumulative: String(entry.cumulative),
  day: entry.day,
  last_attempt_sec: entry.lastAttemptSec,
  receipt: entry.receipt === undefined ? null : bytea(ReceiptMessage.encode(writeReceipt(entry.receipt)).finish()),
});

export const jobToRow = (entry: JobEntry) => ({
  call_id: `\\x${entry.key}`,
  id: bytea(entry.jobId),
  quote: entry.quote === undefined ? null : bytea(entry.quote.id),
  step: entry.pin?.step ?? null,
  asset: String(entry.asset),
  tenure: entry.tenure,
  listing: bytea(entry.call.listing),
  method: entry.call.method,
  request_digest: bytea(entry.call.requestDigest),
  max_amount: String(entry.call.maxAmount),
  commitment: bytea(entry.commitment),
  evaluator: bytea(entry.evaluator),
  expires_at_sec: entry.expiresAtSec,
  review_sec: entry.reviewSec,
  state: entry.state,
  day: entry.day,
  paid: String(entry.paid),
  receipt: entry.receipt === undefined ? null : bytea(ReceiptMessage.encode(writeReceipt(entry.receipt)).finish()),
});

export const tokenToRow = (token: TokenEntry) => ({
  name: token.name,
  hash: bytea(token.hash),
  scope: token.scope,
  total: text(token.limits.total),
  per_call: text(token.limits.perCall),
  per_day: text(token.limits.perDay),
  expires_at_sec: token.limits.expiresAtSec ?? null,
  revoked: token.revoked,
  settled: String(token.settled),
  day: token.day,
  day_spent: String(token.daySpent),
});

const text = (amount: bigint | undefined): string | null => (amount === undefined ? null : String(amount));
const amount = (value: string | null): bigint | undefined => (value === null ? undefined : BigInt(value));
const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

export interface ChannelRow {
  readonly id: Buffer;
  readonly signer: Buffer;
  readonly asset: string;
  readonly tenure: string;
  readonly salt: string;
  readonly status: ChannelStatus;
  readonly deposited: string;
  readonly claimed: string;
  readonly expires_at_sec: string;
  readonly signed: string;
  readonly settled: string;
  readonly ceiling: string;
  readonly loose: readonly { quote: string; day: number; amount: string }[];
  readonly imported: boolean;
  readonly operators: readonly string[];
  readonly endpoints: readonly string[];
}

/**
 * Without its loose money, which needs quotes. Vouchers up to the ceiling may have left and been forgotten, so
 * that is what counts as signed, and nothing more is signed until the provider has been asked.
 */
export const channelFromRow = (row: ChannelRow, payer: Uint8Array): ChannelEntry => {
  const [signed, ceiling] = [BigInt(row.signed), BigInt(row.ceiling)];
  return newChannel({
    id: row.id,
    terms: { payer, signer: row.signer, asset: BigInt(row.asset), tenure: Number(row.tenure), salt: BigInt(row.salt) },
    status: row.status,
    deposited: BigInt(row.deposited),
    claimed: BigInt(row.claimed),
    expiresAtSec: Number(row.expires_at_sec),
    signed: signed > ceiling ? signed : ceiling,
    settled: BigInt(row.settled),
    ceiling,
    proven: row.status === 'closed',
    imported: row.imported,
    operators: new Set(row.operators),
    endpoints: row.endpoints,
  });
};

export interface QuoteRow {
  readonly id: Buffer;
  readonly pins: readonly ReturnType<typeof pinToJson>[];
  readonly max_total: string;
  readonly expires_at_sec: string;
  readonly signature: Buffer;
  readonly token: string | null;
  readonly closed: boolean;
  readonly settled: string;
}

/** Without what its calls hold. */
export function quoteFromRow(
  row: QuoteRow,
  channels: ReadonlyMap<string, ChannelEntry>,
  tokens: ReadonlyMap<string, TokenEntry>,
): QuoteEntry {
  const pins = row.pins.map(
    (pin): PinEntry => ({
      step: pin.step,
      listing: bytes(pin.listing),
      method: pin.method,
      calls: pin.calls,
      maxPerCall: BigInt(pin.maxPerCall),
      asset: BigInt(pin.asset),
      tenure: pin.tenure,
      operator: bytes(pin.operator),
      endpoints: pin.endpoints,
      minChannel: BigInt(pin.minChannel),
      channel: pin.channel === null ? undefined : channels.get(pin.channel),
      settled: BigInt(pin.settled),
      held: 0n,
      ...(pin.job === undefined
        ? {}
        : { job: { ...pin.job, evaluator: pin.job.evaluator === null ? undefined : bytes(pin.job.evaluator) } }),
      ...(pin.licence === undefined ? {} : { licence: bytes(pin.licence) }),
    }),
  );
  return {
    key: idKey(row.id),
    id: row.id,
    pins,
    maxTotal: BigInt(row.max_total),
    limit: limitOf(pins, BigInt(row.max_total)),
    expiresAtSec: Number(row.expires_at_sec),
    signature: row.signature,
    token: row.token === null ? undefined : tokens.get(row.token),
    closed: row.closed,
    settled: BigInt(row.settled),
    held: 0n,
    loose: 0n,
  };
}

export interface CallRow {
  readonly id: Buffer;
  readonly channel: Buffer;
  readonly quote: Buffer | null;
  readonly step: string | null;
  readonly listing: Buffer;
  readonly method: string;
  readonly request_digest: Buffer;
  readonly max_amount: string;
  readonly commitment: Buffer;
  readonly state: string;
  readonly cumulative: string;
  readonly day: number;
  readonly last_attempt_sec: string;
  readonly receipt: Buffer | null;
}

/** Without effect on channel or quote: `holdAgain` adds what a call that is loaded at start still holds. */
export function callFromRow(row: CallRow, channel: ChannelEntry, quote: QuoteEntry | undefined): CallEntry {
  return {
    key: idKey(row.id),
    channel,
    quote,
    pin: quote?.pins.find((pin) => pin.step === row.step),
    call: {
      callId: row.id,
      listing: row.listing,
      method: row.method,
      requestDigest: row.request_digest,
      maxAmount: BigInt(row.max_amount),
    },
    commitment: row.commitment,
    state: callStates.find((state) => state === row.state) as CallState,
    cumulative: BigInt(row.cumulative),
    day: row.day,
    attempts: 0,
    // Attempts are not written down: one that is not known of may be on its way.
    unclear: true,
    lastAttemptSec: Number(row.last_attempt_sec),
    receipt: row.receipt === null ? undefined : readReceipt(ReceiptMessage.decode(row.receipt)),
  };
}

export function holdAgain(entry: CallEntry): void {
  if (!isHeld(entry)) return;
  const { channel, quote, pin, call } = entry;
  channel.reserved += call.maxAmount;
  if (entry.state !== 'DISPUTED') channel.inFlight++;
  if (quote !== undefined) quote.held += call.maxAmount;
  if (pin !== undefined) pin.held += call.maxAmount;
  if (quote?.token !== undefined) quote.token.held += call.maxAmount;
}

export interface JobRow {
  readonly call_id: Buffer;
  readonly id: Buffer;
  readonly quote: Buffer | null;
  readonly step: string | null;
  readonly asset: string;
  readonly tenure: string;
  readonly listing: Buffer;
  readonly method: string;
  readonly request_digest: Buffer;
  readonly max_amount: string;
  readonly commitment: Buffer;
  readonly evaluator: Buffer;
  readonly expires_at_sec: string;
  readonly review_sec: string;
  readonly state: string;
  readonly day: number;
  readonly paid: string;
  readonly receipt: Buffer | null;
}

/** Without what it holds: `addHeldJob` adds that at start. */
export const jobFromRow = (row: JobRow, quote: QuoteEntry | undefined): JobEntry => ({
  key: idKey(row.call_id),
  jobId: row.id,
  quote,
  pin: quote?.pins.find((pin) => pin.step === row.step),
  asset: BigInt(row.asset),
  tenure: Number(row.tenure),
  call: {
    callId: row.call_id,
    listing: row.listing,
    method: row.method,
    requestDigest: row.request_digest,
    maxAmount: BigInt(row.max_amount),
  },
  commitment: row.commitment,
  evaluator: row.evaluator,
  expiresAtSec: Number(row.expires_at_sec),
  reviewSec: Number(row.review_sec),
  state: jobStates.find((state) => state === row.state) as JobState,
  day: row.day,
  paid: BigInt(row.paid),
  receipt: row.receipt === null ? undefined : readReceipt(ReceiptMessage.decode(row.receipt)),
});

export interface TokenRow {
  readonly name: string;
  readonly hash: Buffer;
  readonly scope: TokenScope;
  readonly total: string | null;
  readonly per_call: string | null;
  readonly per_day: string | null;
  readonly expires_at_sec: string | null;
  readonly revoked: boolean;
  readonly settled: string;
  readonly day: number;
  readonly day_spent: string;
}

export const tokenFromRow = (row: TokenRow): TokenEntry => ({
  name: row.name,
  hash: row.hash,
  scope: row.scope,
  limits: {
    total: amount(row.total),
    perCall: amount(row.per_call),
    perDay: amount(row.per_day),
    expiresAtSec: row.expires_at_sec === null ? undefined : Number(row.expires_at_sec),
  },
  revoked: row.revoked,
  settled: BigInt(row.settled),
  held: 0n,
  loose: 0n,
  day: row.day,
  daySpent: BigInt(row.day_spent),
});
