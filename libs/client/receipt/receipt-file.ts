import { z } from 'zod';
import type { Epoch } from '#contracts/anchor.js';
import type { Span } from '#contracts/assets.js';
import type { Deployment } from '#contracts/deployment.js';
import { WeftError } from '#core/errors.js';
import { fromHex, type Hex, toHex } from '#core/hex.js';
import type { Call, Receipt } from '#payments/typed-data.js';
import type { Signed } from '#payments/wire.js';

/** What an asset gives on of its income, and to what it was built from. */
export interface LineageEdge {
  readonly asset: bigint;
  readonly parent: bigint;
  readonly bps: number;
}

/** What the chain says of a receipt's signer, epoch and asset. */
export interface ReceiptFacts {
  readonly blockNumber: number;
  /** What the signer was to the asset; undefined: never its operator. */
  readonly operator: Span | undefined;
  /** That which the proof names; undefined: there is none, or the receipt has no proof. */
  readonly epoch: Epoch | undefined;
  /** From the asset upwards. */
  readonly lineage: readonly LineageEdge[];
}

/** A receipt with all that proves it, for whoever asks, years later. */
export interface ReceiptFile {
  readonly chainId: bigint;
  readonly contracts: Pick<Deployment, 'escrow' | 'assets' | 'anchor'>;
  readonly receipt: Signed<Receipt>;
  /** 20 bytes. */
  readonly signer: Uint8Array;
  /** What the commitment is over; undefined if the payer has lost it. */
  readonly call: Omit<Call, 'callId'> | undefined;
  /** Undefined: it was in no epoch yet. */
  readonly proof: ReceiptProof | undefined;
  /** As the chain said when the file was written. */
  readonly facts: ReceiptFacts;
}

export interface ReceiptProof {
  readonly epoch: bigint;
  /** The leaf: what the operator signed, and how much it was for. */
  readonly receiptDigest: Uint8Array;
  readonly amount: bigint;
  readonly siblings: readonly Uint8Array[];
}

export const RECEIPT_FORMAT = 'weft-receipt/1';
const MAX_CHARACTERS = 256 * 1024;

const hex = (bytes: number) =>
  z
    .string()
    .regex(/^0x[0-9a-f]*$/, 'must be 0x and hexadecimal digits in lower case')
    .length(2 + 2 * bytes, `must have ${2 * bytes} hexadecimal digits`);
const whole = (limit: bigint) =>
  z
    .string()
    .regex(/^(0|[1-9][0-9]{0,28})$/, 'must be a whole decimal number, as text')
    .refine((text) => BigInt(text) < limit, 'is too large')
    .transform(BigInt);
const uint64 = whole(2n ** 64n);
const amount = whole(2n ** 96n);
const uint32 = z.number().int().min(0).max(0xffff_ffff);
const time = z
  .number()
  .int()
  .min(0)
  .max(2 ** 40 - 1);

const schema = z.strictObject({
  format: z.literal(RECEIPT_FORMAT),
  chainId: uint64,
  contracts: z.strictObject({ escrow: hex(20), assets: hex(20), anchor: hex(20) }),
  receipt: z.strictObject({
    callId: hex(32),
    account: hex(32),
    asset: uint64,
    tenure: uint32,
    commitment: hex(32),
    responseDigest: hex(32),
    units: uint64,
    amount,
    outcome: z.enum(['complete', 'partial']),
    servedAtSec: time,
    signature: hex(64),
  }),
  signer: hex(20),
  call: z
    .strictObject({ listing: hex(32), method: z.string().min(1).max(512), requestDigest: hex(32), maxAmount: amount })
    .nullable(),
  proof: z
    .strictObject({ epoch: uint64, receiptDigest: hex(32), amount, siblings: z.array(hex(32)).max(64) })
    .nullable(),
  chain: z.strictObject({
    blockNumber: z.number().int().min(0),
    operator: z
      .strictObject({ tenure: uint32, fromSec: time, untilSec: time.nullable(), bySale: z.boolean() })
      .nullable(),
    epoch: z.strictObject({ root: hex(32), receipts: uint64, amount, anchoredAtSec: time }).nullable(),
    lineage: z
      .array(z.strictObject({ asset: uint64, parent: uint64, bps: z.number().int().min(0).max(10_000) }))
      .max(10_000),
  }),
});

/** Errors: INVALID_JSON, or INVALID_INPUT that names the field. */
export function readReceiptFile(text: string): ReceiptFile {
  if (text.length > MAX_CHARACTERS)
    throw new WeftError('INVALID_INPUT', `a receipt's file has at most ${MAX_CHARACTERS} characters`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new WeftError(
      'INVALID_JSON',
      'the file is not JSON: `npx weft receipt CALL --save FILE` writes one',
      {},
      { cause },
    );
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = issue?.path.join('.') || 'format';
    throw new WeftError('INVALID_INPUT', `${field}: ${issue?.message}`, { field });
  }
  const { chainId, contracts, receipt, signer, call, proof, chain } = parsed.data;
  const bytes = (value: string) => fromHex(value, 'bytes');
  return {
    chainId,
    contracts: contracts as Record<keyof typeof contracts, Hex>,
    receipt: {
      ...receipt,
      callId: bytes(receipt.callId),
      account: bytes(receipt.account),
      commitment: bytes(receipt.commitment),
      responseDigest: bytes(receipt.responseDigest),
      signature: bytes(receipt.signature),
    },
    signer: bytes(signer),
    call:
      call === null ? undefined : { ...call, listing: bytes(call.listing), requestDigest: bytes(call.requestDigest) },
    proof:
      proof === null
        ? undefined
        : { ...proof, receiptDigest: bytes(proof.receiptDigest), siblings: proof.siblings.map(bytes) },
    facts: {
      blockNumber: chain.blockNumber,
      operator:
        chain.operator === null ? undefined : { ...chain.operator, untilSec: chain.operator.untilSec ?? undefined },
      epoch: chain.epoch === null ? undefined : { ...chain.epoch, root: bytes(chain.epoch.root) },
      lineage: chain.lineage,
    },
  };
}

/** As JSON, every amount and id as text. */
export function receiptFileJson({ facts, ...file }: ReceiptFile) {
  const { receipt, call, proof } = file;
  const { operator, epoch } = facts;
  return {
    format: RECEIPT_FORMAT,
    chainId: String(file.chainId),
    contracts: file.contracts,
    receipt: {
      callId: toHex(receipt.callId),
      account: toHex(receipt.account),
      asset: String(receipt.asset),
      tenure: receipt.tenure,
      commitment: toHex(receipt.commitment),
      responseDigest: toHex(receipt.responseDigest),
      units: String(receipt.units),
      amount: String(receipt.amount),
      outcome: receipt.outcome,
      servedAtSec: receipt.servedAtSec,
      signature: toHex(receipt.signature),
    },
    signer: toHex(file.signer),
    call: call
      ? {
          listing: toHex(call.listing),
          method: call.method,
          requestDigest: toHex(call.requestDigest),
          maxAmount: String(call.maxAmount),
        }
      : null,
    proof: proof
      ? {
          epoch: String(proof.epoch),
          receiptDigest: toHex(proof.receiptDigest),
          amount: String(proof.amount),
          siblings: proof.siblings.map(toHex),
        }
      : null,
    chain: {
      blockNumber: facts.blockNumber,
      operator: operator ? { ...operator, untilSec: operator.untilSec ?? null } : null,
      epoch: epoch
        ? {
            root: toHex(epoch.root),
            receipts: String(epoch.receipts),
            amount: String(epoch.amount),
            anchoredAtSec: epoch.anchoredAtSec,
          }
        : null,
      lineage: facts.lineage.map(({ asset, parent, bps }) => ({ asset: String(asset), parent: String(parent), bps })),
    },
  };
}
