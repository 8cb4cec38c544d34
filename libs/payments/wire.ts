import { WeftError } from '#core/errors.js';
import { formatAmount, parseAmount } from '#core/money.js';
import type { Reason } from '#core/reasons.js';
import * as proto from '#protos/weft/payment/v1/payment.js';
import { SIGNATURE_LENGTH } from './signature.js';
import type { Call, ChannelTerms, Close, Count, Receipt, Statement, Void } from './typed-data.js';

/*
 * Between protobuf messages and the structs that are signed. Reading checks size and shape of everything, since most
 * of it comes from strangers; nothing here checks a signature.
 */

/** Something with the 64-byte signature over it. */
export type Signed<T> = T & { readonly signature: Uint8Array };

/** A voucher with the terms of its channel, as it travels. */
export interface Payment {
  readonly terms: ChannelTerms;
  readonly cumulative: bigint;
  readonly call: Call;
  readonly signature: Uint8Array;
}

/** One call with a licence, as it travels. */
export interface LicencePayment {
  /** 32 bytes. */
  readonly licenceId: Uint8Array;
  /** Of a pass: cumulative, this call included. Of other kinds: 0. */
  readonly uses: bigint;
  readonly call: Call;
  readonly signature: Uint8Array;
}

/** A step of a funded job. */
export interface JobStepRef {
  /** 20 bytes: who funded it. */
  readonly client: Uint8Array;
  readonly jobId: Uint8Array;
  readonly step: number;
}

/** What pays a call out of a job instead of a channel. */
export interface JobPayment {
  readonly job: JobStepRef;
  readonly call: Call;
  readonly signature: Uint8Array;
}

const MAX_METHOD_LENGTH = 512;
const UINT16 = 2 ** 16;
const MAX_JOB_STEPS = 16;
const UINT32 = 2 ** 32;
const UINT40 = 2n ** 40n;

/** Reads the fields of one message; every complaint carries the message's reason and the field's path. */
class Reader {
  constructor(
    private readonly reason: Reason,
    private readonly path: string,
  ) {}

  fail(field: string, must: string): never {
    throw new WeftError(this.reason, `${this.path}.${field} must ${must}`, { field: `${this.path}.${field}` });
  }

  bytes(value: Uint8Array, field: string, length: number): Uint8Array {
    return value.length === length ? value : this.fail(field, `have ${length} bytes, not ${value.length}`);
  }

  amount(value: string, field: string): bigint {
    try {
      return parseAmount(value, field);
    } catch {
      return this.fail(field, 'be a whole number of minor units below 2^96, written in decimal');
    }
  }

  time(value: bigint, field: string): number {
    return value < UINT40 ? Number(value) : this.fail(field, 'be unix seconds below 2^40');
  }

  present<T>(value: T | undefined, field: string): T {
    return value ?? this.fail(field, 'be set');
  }
}

export function readTerms(terms: proto.ChannelTerms | undefined, reason: Reason = 'PAYMENT_MALFORMED'): ChannelTerms {
  const read = new Reader(reason, 'terms');
  const value = terms ?? read.fail('payer', 'be set');
  if (value.tenure === 0 || value.tenure >= UINT32) read.fail('tenure', 'be 1 or more');
  return {
    payer: read.bytes(value.payer, 'payer', 20),
    signer: read.bytes(value.signer, 'signer', 20),
    asset: value.asset,
    tenure: value.tenure,
    salt: value.salt,
  };
}

export function readPayment(payment: proto.Payment | undefined): Payment {
  const read = new Reader('PAYMENT_MALFORMED', 'payment');
  const value = payment ?? read.fail('terms', 'be set');
  return {
    terms: readTerms(value.terms),
    cumulative: read.amount(value.cumulative, 'cumulative'),
    call: readCall(value.call),
    signature: read.bytes(value.signature, 'signature', SIGNATURE_LENGTH),
  };
}

export function readJobPayment(payment: proto.Payment | undefined): JobPayment {
  const read = new Reader('PAYMENT_MALFORMED', 'payment');
  const value = payment ?? read.fail('job', 'be set');
  const job = read.present(value.job, 'job');
  if (value.terms !== undefined || value.cumulative !== '')
    read.fail('job', 'stand alone, without terms and cumulative');
  if (job.step >= MAX_JOB_STEPS) read.fail('job.step', `be below ${MAX_JOB_STEPS}`);
  return {
    job: {
      client: read.bytes(job.client, 'job.client', 20),
      jobId: read.bytes(job.jobId, 'job.jobId', 32),
      step: job.step,
    },
    call: readCall(value.call),
    signature: read.bytes(value.signature, 'signature', SIGNATURE_LENGTH),
  };
}

/** A payment that carries `use`. */
export function readLicencePayment(payment: proto.Payment): LicencePayment {
  const read = new Reader('PAYMENT_MALFORMED', 'payment');
  const use = read.present(payment.use, 'use');
  if (payment.terms !== undefined || payment.cumulative !== '') read.fail('use', 'stand without terms and cumulative');
  const call = readCall(payment.call);
  if (call.maxAmount !== 0n) new Reader('PAYMENT_MALFORMED', 'call').fail('maxAmount', 'be 0 with a licence');
  return {
    licenceId: read.bytes(use.licenceId, 'use.licenceId', 32),
    uses: use.uses,
    call,
    signature: read.bytes(payment.signature, 'signature', SIGNATURE_LENGTH),
  };
}

export function readCall(call: proto.Call | undefined): Call {
  const read = new Reader('PAYMENT_MALFORMED', 'call');
  const value = call ?? read.fail('callId', 'be set');
  if (value.method.length === 0 || value.method.length > MAX_METHOD_LENGTH)
    read.fail('method', `have 1 to ${MAX_METHOD_LENGTH} characters`);
  return {
    callId: read.bytes(value.callId, 'callId', 32),
    listing: read.bytes(value.listing, 'listing', 32),
    method: value.method,
    requestDigest: read.bytes(value.requestDigest, 'requestDigest', 32),
    maxAmount: read.amount(value.maxAmount, 'maxAmount'),
  };
}

const outcomeNames = {
  [proto.Outcome.OUTCOME_COMPLETE]: 'complete',
  [proto.Outcome.OUTCOME_PARTIAL]: 'partial',
} as const;

export function readReceipt(receipt: proto.Receipt | undefined, reason: Reason = 'RECEIPT_INVALID'): Signed<Receipt> {
  const read = new Reader(reason, 'receipt');
  const value = receipt ?? read.fail('callId', 'be set');
  const outcome =
    value.outcome === proto.Outcome.OUTCOME_COMPLETE || value.outcome === proto.Outcome.OUTCOME_PARTIAL
      ? outcomeNames[value.outcome]
      : read.fail('outcome', 'be complete or partial');
  return {
    callId: read.bytes(value.callId, 'callId', 32),
    account: read.bytes(value.account, 'account', 32),
    asset: value.asset,
    tenure: value.tenure,
    commitment: read.bytes(value.commitment, 'commitment', 32),
    responseDigest: read.bytes(value.responseDigest, 'responseDigest', 32),
    units: value.units,
    amount: read.amount(value.amount, 'amount'),
    outcome,
    servedAtSec: read.time(value.servedAtSec, 'servedAtSec'),
    signature: read.bytes(value.signature, 'signature', SIGNATURE_LENGTH),
  };
}

export function readVoid(message: proto.Void | undefined, reason: Reason = 'PAYMENT_MALFORMED'): Signed<Void> {
  const read = new Reader(reason, 'void');
  const value = message ?? read.fail('callId', 'be set');
  return {
    callId: read.bytes(value.callId, 'callId', 32),
    account: read.bytes(value.account, 'account', 32),
    atSec: read.time(value.atSec, 'atSec'),
    signature: read.bytes(value.signature, 'signature', SIGNATURE_LENGTH),
  };
}

export function readStatement(
  message: proto.Statement | undefined,
  reason: Reason = 'PAYMENT_MALFORMED',
): Signed<Statement> {
  const read = new Reader(reason, 'statement');
  const value = message ?? read.fail('channelId', 'be set');
  return {
    channelId: read.bytes(value.channelId, 'channelId', 32),
    authorised: read.amount(value.authorised, 'authorised'),
    spent: read.amount(value.spent, 'spent'),
    calls: value.calls,
    atSec: read.time(value.atSec, 'atSec'),
    signature: read.bytes(value.signature, 'signature', SIGNATURE_LENGTH),
  };
}

export function readClose(message: proto.Close | undefined, reason: Reason = 'PAYMENT_MALFORMED'): Signed<Close> {
  const read = new Reader(reason, 'close');
  const value = message ?? read.fail('channelId', 'be set');
  return {
    channelId: read.bytes(value.channelId, 'channelId', 32),
    spent: read.amount(value.spent, 'spent'),
    deadlineSec: read.time(value.deadlineSec, 'deadlineSec'),
    signature: read.bytes(value.signature, 'signature', SIGNATURE_LENGTH),
  };
}

export function readCount(message: proto.Count | undefined, reason: Reason = 'PAYMENT_MALFORMED'): Signed<Count> {
  const read = new Reader(reason, 'count');
  const value = message ?? read.fail('licenceId', 'be set');
  if (value.signerNumber >= UINT16) read.fail('signerNumber', 'be below 2^16');
  return {
    licenceId: read.bytes(value.licenceId, 'licenceId', 32),
    uses: value.uses,
    signerNumber: value.signerNumber,
    deadlineSec: read.time(value.deadlineSec, 'deadlineSec'),
    signature: read.bytes(value.signature, 'signature', SIGNATURE_LENGTH),
  };
}

export const writeTerms = (terms: ChannelTerms): proto.ChannelTerms => ({ ...terms });

export const writeCall = (call: Call): proto.Call => ({ ...call, maxAmount: formatAmount(call.maxAmount) });

export const writePayment = (payment: Payment): proto.Payment => ({
  terms: writeTerms(payment.terms),
  cumulative: formatAmount(payment.cumulative),
  call: writeCall(payment.call),
  signature: payment.signature,
});

export const writeJobPayment = ({ job, call, signature }: JobPayment): proto.Payment => ({
  terms: undefined,
  cumulative: '',
  call: writeCall(call),
  signature,
  job,
});

export const writeLicencePayment = ({ licenceId, uses, call, signature }: LicencePayment): proto.Payment => ({
  terms: undefined,
  cumulative: '',
  call: writeCall(call),
  signature,
  use: { licenceId, uses },
});

export const writeReceipt = (receipt: Signed<Receipt>): proto.Receipt => ({
  ...receipt,
  amount: formatAmount(receipt.amount),
  outcome: receipt.outcome === 'complete' ? proto.Outcome.OUTCOME_COMPLETE : proto.Outcome.OUTCOME_PARTIAL,
  servedAtSec: BigInt(receipt.servedAtSec),
});

export const writeVoid = (v: Signed<Void>): proto.Void => ({ ...v, atSec: BigInt(v.atSec) });

export const writeStatement = (s: Signed<Statement>): proto.Statement => ({
  ...s,
  authorised: formatAmount(s.authorised),
  spent: formatAmount(s.spent),
  atSec: BigInt(s.atSec),
});

export const writeClose = (c: Signed<Close>): proto.Close => ({
  ...c,
  spent: formatAmount(c.spent),
  deadlineSec: BigInt(c.deadlineSec),
});

export const writeCount = (c: Signed<Count>): proto.Count => ({ ...c, deadlineSec: BigInt(c.deadlineSec) });
