import type { LicenceKind } from '#contracts/licences.js';
import { WeftError } from '#core/errors.js';
import { formatAmount, parseAmount } from '#core/money.js';
import * as proto from '#protos/weft/wallet/v1/wallet.js';
import type { Quote } from '../typed-data.js';
import type { Days, Usage } from '../usage.js';
import {
  readCall,
  readJobPayment,
  readPayment,
  readReceipt,
  readTerms,
  type Signed,
  writeCall,
  writeJobPayment,
  writePayment,
  writeReceipt,
  writeTerms,
} from '../wire.js';
import type { SpendingLimits, TokenEntry, TokenScope } from './ledger/ledger-state.js';
import type {
  Account,
  CallEnd,
  CallRecord,
  CallState,
  ChannelRecord,
  HeldLicence,
  JobRecord,
  JobReservation,
  JobState,
  OpenedQuote,
  PinRequest,
  QuoteRequest,
  QuoteStatus,
  Reservation,
  ReserveRequest,
} from './wallet.js';

/* Between messages of `weft.wallet.v1` and the wallet's own types. Bad requests are INVALID_INPUT, naming the field. */

const fail = (field: string, must: string): never => {
  throw new WeftError('INVALID_INPUT', `${field} must ${must}`, { field });
};

const time = (value: bigint, field: string): number =>
  value < 2n ** 40n ? Number(value) : fail(field, 'be unix seconds below 2^40');

export const readPin = ({ job, licence, ...pin }: proto.Pin, i: number): PinRequest => ({
  ...pin,
  ...(licence.length > 0 && { licence }),
  ...(job && { job: { ...job, evaluator: job.evaluator.length === 0 ? undefined : job.evaluator } }),
  maxPerCall: parseAmount(pin.maxPerCall, `pins[${i}].maxPerCall`),
  minChannel: parseAmount(pin.minChannel || '0', `pins[${i}].minChannel`),
});

const writePin = (pin: PinRequest): proto.Pin => ({
  step: pin.step,
  listing: pin.listing,
  asset: pin.asset,
  tenure: pin.tenure,
  operator: pin.operator,
  method: pin.method,
  calls: pin.calls,
  maxPerCall: formatAmount(pin.maxPerCall),
  endpoints: [...pin.endpoints],
  minChannel: formatAmount(pin.minChannel),
  job: pin.job && { ...pin.job, evaluator: pin.job.evaluator ?? new Uint8Array() },
  licence: pin.licence ?? new Uint8Array(),
});

export const readQuoteRequest = (request: proto.OpenQuoteRequest): QuoteRequest => ({
  quoteId: request.quoteId,
  pins: request.pins.map(readPin),
  maxTotal: parseAmount(request.maxTotal, 'maxTotal'),
  expiresAtSec: time(request.expiresAtSec, 'expiresAtSec'),
});

export const writeQuoteRequest = (request: QuoteRequest): proto.OpenQuoteRequest => ({
  quoteId: request.quoteId,
  pins: request.pins.map(writePin),
  maxTotal: formatAmount(request.maxTotal),
  expiresAtSec: BigInt(request.expiresAtSec),
});

const writeQuote = (quote: Signed<Quote>, pins: readonly PinRequest[]): proto.Quote => ({
  quoteId: quote.quoteId,
  payer: quote.payer,
  pins: pins.map(writePin),
  maxTotal: formatAmount(quote.maxTotal),
  expiresAtSec: BigInt(quote.expiresAtSec),
  signature: quote.signature,
});

function readQuote(quote: proto.Quote | undefined): { quote: Signed<Quote>; pins: PinRequest[] } {
  const value = quote ?? fail('quote', 'be set');
  const pins = value.pins.map(readPin);
  return {
    pins,
    quote: {
      quoteId: value.quoteId,
      payer: value.payer,
      pins,
      maxTotal: parseAmount(value.maxTotal, 'maxTotal'),
      expiresAtSec: time(value.expiresAtSec, 'expiresAtSec'),
      signature: value.signature,
    },
  };
}

export const writeOpenedQuote = ({ quote, pins, transaction }: OpenedQuote): proto.OpenQuoteResponse => ({
  quote: writeQuote(quote, pins),
  transaction: transaction ?? '',
});

export const readOpenedQuote = (response: proto.OpenQuoteResponse): OpenedQuote => ({
  ...readQuote(response.quote),
  transaction: response.transaction === '' ? undefined : response.transaction,
});

export const writeQuoteStatus = (status: QuoteStatus): proto.GetQuoteResponse => ({
  quote: writeQuote(status.quote, status.pins),
  settled: formatAmount(status.settled),
  exposure: formatAmount(status.exposure),
  closed: status.closed,
});

export const readQuoteStatus = (response: proto.GetQuoteResponse): QuoteStatus => ({
  ...readQuote(response.quote),
  settled: BigInt(response.settled),
  exposure: BigInt(response.exposure),
  closed: response.closed,
});

export const readReserveRequest = (request: proto.ReserveRequest): ReserveRequest => ({
  quoteId: request.quoteId,
  step: request.step,
  callId: request.callId,
  requestDigest: request.requestDigest,
  ...(request.maxAmount !== '' && { maxAmount: parseAmount(request.maxAmount, 'maxAmount') }),
});

export const writeReserveRequest = (request: ReserveRequest): proto.ReserveRequest => ({
  quoteId: request.quoteId,
  step: request.step,
  callId: request.callId,
  requestDigest: request.requestDigest,
  maxAmount: request.maxAmount === undefined ? '' : formatAmount(request.maxAmount),
});

export const writeReservation = ({ payment, receipt }: Reservation): proto.ReserveResponse => ({
  payment: writePayment(payment),
  ...(receipt && { receipt: writeReceipt(receipt) }),
});

export const readReservation = (response: proto.ReserveResponse): Reservation => ({
  payment: readPayment(response.payment),
  receipt: response.receipt && readReceipt(response.receipt),
});

export const writeJobReservation = ({ payment, receipt }: JobReservation): proto.ReserveResponse => ({
  payment: writeJobPayment(payment),
  ...(receipt && { receipt: writeReceipt(receipt) }),
});

export const readJobReservation = (response: proto.ReserveResponse): JobReservation => ({
  payment: readJobPayment(response.payment),
  receipt: response.receipt && readReceipt(response.receipt),
});

const jobStateNumbers = {
  FUNDING: proto.JobState.JOB_STATE_FUNDING,
  FUNDED: proto.JobState.JOB_STATE_FUNDED,
  SUBMITTED: proto.JobState.JOB_STATE_SUBMITTED,
  COMPLETED: proto.JobState.JOB_STATE_COMPLETED,
  REJECTED: proto.JobState.JOB_STATE_REJECTED,
  EXPIRED: proto.JobState.JOB_STATE_EXPIRED,
} as const satisfies Record<JobState, proto.JobState>;

export const writeJob = (job: JobRecord): proto.Job => ({
  ...job,
  amount: formatAmount(job.amount),
  expiresAtSec: BigInt(job.expiresAtSec),
  state: jobStateNumbers[job.state],
  paid: formatAmount(job.paid),
  receipt: job.receipt && writeReceipt(job.receipt),
});

export function readJob(message: proto.Job | undefined): JobRecord {
  const job = message ?? fail('job', 'be set');
  const known = Object.entries(jobStateNumbers).find(([, number]) => number === job.state);
  return {
    ...job,
    amount: BigInt(job.amount),
    expiresAtSec: time(job.expiresAtSec, 'expiresAtSec'),
    state: (known?.[0] ?? fail('state', 'be one we know')) as JobState,
    paid: BigInt(job.paid),
    receipt: job.receipt && readReceipt(job.receipt),
  };
}

export function readCallEnd(request: Pick<proto.SettleRequest, 'receipt' | 'notCharged' | 'unclear'>): CallEnd {
  if (request.receipt !== undefined) return { receipt: readReceipt(request.receipt) };
  if (request.notCharged) return 'not-charged';
  if (request.unclear) return 'unclear';
  return fail('outcome', 'be set');
}

export const writeCallEnd = (callId: Uint8Array, end: CallEnd): proto.SettleRequest => ({
  callId,
  ...(end === 'not-charged' && { notCharged: true }),
  ...(end === 'unclear' && { unclear: true }),
  ...(typeof end === 'object' && { receipt: writeReceipt(end.receipt) }),
});

const stateNumbers = {
  RESERVED: proto.CallState.CALL_STATE_RESERVED,
  DOUBT: proto.CallState.CALL_STATE_DOUBT,
  SETTLED: proto.CallState.CALL_STATE_SETTLED,
  RELEASED: proto.CallState.CALL_STATE_RELEASED,
  VOID: proto.CallState.CALL_STATE_VOID,
  DISPUTED: proto.CallState.CALL_STATE_DISPUTED,
} as const satisfies Record<CallState, proto.CallState>;

export const writeCallState = (state: CallState): proto.CallState => stateNumbers[state];

export function readCallState(number: proto.CallState): CallState {
  for (const [state, known] of Object.entries(stateNumbers)) if (known === number) return state as CallState;
  return fail('state', 'be one we know');
}

export const writeCallRecord = (call: CallRecord): proto.GetCallResponse => ({
  state: writeCallState(call.state),
  maxAmount: formatAmount(call.maxAmount),
  quoteId: call.quoteId,
  step: call.step,
  ...(call.receipt && { receipt: writeReceipt(call.receipt) }),
  ...(call.call && { call: writeCall(call.call) }),
});

export const readCallRecord = (callId: Uint8Array, response: proto.GetCallResponse): CallRecord => ({
  callId,
  state: readCallState(response.state),
  quoteId: response.quoteId,
  step: response.step,
  maxAmount: BigInt(response.maxAmount),
  receipt: response.receipt && readReceipt(response.receipt),
  call: response.call && readCall(response.call),
});

export const readDays = ({ fromDay, toDay }: proto.GetUsageRequest): Days =>
  fromDay > toDay ? fail('fromDay', 'not be after toDay') : { fromDay, toDay };

export const writeUsage = ({ units, amount, ...usage }: Usage): proto.Usage => ({
  ...usage,
  units: String(units),
  amount: String(amount),
});

export const readUsage = ({ units, amount, ...usage }: proto.Usage): Usage => ({
  ...usage,
  units: BigInt(units),
  amount: BigInt(amount),
});

export const writeChannel = (channel: ChannelRecord): proto.Channel => ({
  terms: writeTerms(channel.terms),
  channelId: channel.channelId,
  deposited: formatAmount(channel.deposited),
  signed: formatAmount(channel.signed),
  settled: formatAmount(channel.settled),
  reserved: formatAmount(channel.reserved),
  claimed: formatAmount(channel.claimed),
  expiresAtSec: BigInt(channel.expiresAtSec),
  open: channel.open,
});

export const readChannel = (channel: proto.Channel): ChannelRecord => ({
  channelId: channel.channelId,
  terms: readTerms(channel.terms),
  deposited: BigInt(channel.deposited),
  signed: BigInt(channel.signed),
  settled: BigInt(channel.settled),
  reserved: BigInt(channel.reserved),
  claimed: BigInt(channel.claimed),
  expiresAtSec: Number(channel.expiresAtSec),
  open: channel.open,
});

export const writeAccount = (account: Account): proto.GetAccountResponse => ({
  ...account,
  free: String(account.free),
  inChannels: String(account.inChannels),
  inToken: String(account.inToken),
  inJobs: String(account.inJobs),
});

export const readAccount = (response: proto.GetAccountResponse): Account => ({
  payer: response.payer,
  chainId: response.chainId,
  escrow: response.escrow,
  token: response.token,
  free: BigInt(response.free),
  inChannels: BigInt(response.inChannels),
  inToken: BigInt(response.inToken),
  inJobs: BigInt(response.inJobs || '0'),
});

export const scopes = {
  READ: proto.TokenScope.TOKEN_SCOPE_READ,
  SPEND: proto.TokenScope.TOKEN_SCOPE_SPEND,
  ADMIN: proto.TokenScope.TOKEN_SCOPE_ADMIN,
} as const satisfies Record<TokenScope, proto.TokenScope>;

export function readScope(number: proto.TokenScope): TokenScope {
  for (const [scope, known] of Object.entries(scopes)) if (known === number) return scope as TokenScope;
  return fail('scope', 'be SPEND, READ or ADMIN');
}

/** Empty amounts and a time of 0 set no limit. */
export function readLimits(limits: proto.Limits | undefined): SpendingLimits {
  const amount = (text: string | undefined, field: string) => (text ? parseAmount(text, `limits.${field}`) : undefined);
  const expiresAtSec = time(limits?.expiresAtSec ?? 0n, 'limits.expiresAtSec');
  return {
    total: amount(limits?.total, 'total'),
    perCall: amount(limits?.perCall, 'perCall'),
    perDay: amount(limits?.perDay, 'perDay'),
    expiresAtSec: expiresAtSec === 0 ? undefined : expiresAtSec,
  };
}

export const writeLimits = (limits: SpendingLimits): proto.Limits => ({
  total: limits.total === undefined ? '' : formatAmount(limits.total),
  perCall: limits.perCall === undefined ? '' : formatAmount(limits.perCall),
  perDay: limits.perDay === undefined ? '' : formatAmount(limits.perDay),
  expiresAtSec: BigInt(limits.expiresAtSec ?? 0),
});

/** `spent`: settled plus everything that may still be charged. */
export const writeToken = (token: TokenEntry): proto.Token => ({
  name: token.name,
  scope: scopes[token.scope],
  limits: writeLimits(token.limits),
  spent: String(token.settled + token.held + token.loose),
  revoked: token.revoked,
});

const kinds = {
  subscription: proto.LicenceKind.LICENCE_KIND_SUBSCRIPTION,
  pass: proto.LicenceKind.LICENCE_KIND_PASS,
  rental: proto.LicenceKind.LICENCE_KIND_RENTAL,
  perpetual: proto.LicenceKind.LICENCE_KIND_PERPETUAL,
} as const satisfies Record<LicenceKind, proto.LicenceKind>;

const NOBODY = new Uint8Array();
const some = (bytes: Uint8Array): Uint8Array | undefined => (bytes.length === 0 ? undefined : bytes);

export const writeLicence = (licence: HeldLicence): proto.Licence => ({
  licenceId: licence.licenceId,
  offerId: licence.offerId ?? NOBODY,
  asset: licence.asset,
  tenure: licence.tenure,
  kind: kinds[licence.kind],
  valid: licence.valid,
  holder: licence.holder ?? NOBODY,
  signer: licence.signer ?? NOBODY,
  signerNumber: licence.signerNumber,
  startSec: BigInt(licence.startSec),
  validUntilSec: BigInt(licence.validUntilSec ?? 0),
  paid: formatAmount(licence.paid),
  earned: formatAmount(licence.earned),
  uses: licence.uses,
  callsLeft: licence.callsLeft ?? 0n,
  signed: licence.signed,
});

export function readLicence(licence: proto.Licence): HeldLicence {
  const [kind] = (Object.keys(kinds) as LicenceKind[]).filter((each) => kinds[each] === licence.kind);
  return {
    ...licence,
    offerId: some(licence.offerId),
    kind: kind ?? fail('kind', 'be one we know'),
    holder: some(licence.holder),
    signer: some(licence.signer),
    startSec: Number(licence.startSec),
    validUntilSec: licence.validUntilSec === 0n ? undefined : Number(licence.validUntilSec),
    paid: BigInt(licence.paid),
    earned: BigInt(licence.earned),
    callsLeft: kind === 'pass' ? licence.callsLeft : undefined,
  };
}

/** Empty sets no limit. */
export const readMaxPrice = (text: string): bigint | undefined =>
  text === '' ? undefined : parseAmount(text, 'maxPrice');
export const writeMaxPrice = (amount: bigint | undefined): string => (amount === undefined ? '' : formatAmount(amount));
