import { WeftError } from '#core/errors.js';
import { fromHex, sameBytes, toHex } from '#core/hex.js';
import { rootOf } from '#payments/merkle-tree.js';
import { recover } from '#payments/signature.js';
import { escrowDomain, hashCall, hashReceipt, signingHash } from '#payments/typed-data.js';
import type { ReceiptFacts, ReceiptFile } from './receipt-file.js';

/** What a receipt that passed proves. */
export interface VerifiedReceipt {
  readonly signer: Uint8Array;
  /** Undefined: signed, and in no epoch when the file was written. */
  readonly anchored: { readonly epoch: bigint; readonly root: Uint8Array; readonly anchoredAtSec: number } | undefined;
}

/** The EIP-712 digest that the operator signs. */
export function receiptDigest({ chainId, contracts, receipt }: Pick<ReceiptFile, 'chainId' | 'contracts' | 'receipt'>) {
  const domain = { chainId, verifyingContract: fromHex(contracts.escrow, 'contracts.escrow', 20) };
  return signingHash(escrowDomain(domain), hashReceipt(receipt));
}

/**
 * Whether an operator of the asset said that this call was served for this amount, and whether that is under the root
 * of its epoch. `facts` are the chain's, or for want of a chain the file's own. Throws RECEIPT_INVALID, which names the
 * field and says what is wrong with it.
 */
export function verifyReceipt(file: ReceiptFile, facts: ReceiptFacts): VerifiedReceipt {
  const { receipt, signer } = file;
  checkCall(file);
  const digest = receiptDigest(file);
  checkSigner(file, facts, digest);
  const { operator } = facts;
  const anchored = checkProof(file, facts, digest);
  if (anchored === undefined && operator?.untilSec !== undefined)
    refuse(
      'proof',
      `${toHex(signer)} is no operator of asset ${receipt.asset} any more and could sign receipts of the past: only anchored ones count`,
    );
  return { signer, anchored };
}

function checkCall({ receipt, call, proof }: ReceiptFile): void {
  if (call !== undefined) {
    if (!sameBytes(hashCall({ ...call, callId: receipt.callId }), receipt.commitment))
      refuse(
        'receipt.callId',
        'the receipt’s commitment is over another call: its id, listing, method or request differs',
      );
    if (receipt.amount > call.maxAmount)
      refuse('receipt.amount', `${receipt.amount} were charged, but the payer agreed to ${call.maxAmount} at most`);
  }
  if (proof !== undefined && proof.amount !== receipt.amount)
    refuse('receipt.amount', `the receipt says ${receipt.amount}, but ${proof.amount} were anchored for it`);
}

function checkSigner({ receipt, signer }: ReceiptFile, { operator }: ReceiptFacts, digest: Uint8Array): void {
  const { asset, tenure, servedAtSec } = receipt;
  const recovered = recover(digest, receipt.signature);
  const isSigned = recovered !== undefined && sameBytes(recovered, signer);
  const who = toHex(signer);
  if (operator === undefined && isSigned)
    refuse('signer', `${who} signed it, and never was an operator of asset ${asset}`);
  if (operator === undefined)
    refuse('receipt.asset', `${who} never was an operator of asset ${asset}, nor is the signature over this asset`);
  if (!isSigned)
    refuse(
      'receipt.signature',
      `the receipt is not what ${who} signed: its response digest, units, outcome, time or account was changed`,
    );
  if (operator.tenure !== tenure)
    refuse('receipt.tenure', `${who} was operator of asset ${asset} in tenure ${operator.tenure}, not ${tenure}`);
  if (servedAtSec < operator.fromSec || (operator.untilSec !== undefined && servedAtSec > operator.untilSec))
    refuse('receipt.servedAtSec', `${who} was no operator of asset ${asset} at that time`);
}

function checkProof(
  { receipt, proof, facts: saved }: ReceiptFile,
  { epoch }: ReceiptFacts,
  digest: Uint8Array,
): VerifiedReceipt['anchored'] {
  if (proof === undefined) return undefined;
  if (!sameBytes(proof.receiptDigest, digest)) refuse('proof.receiptDigest', 'what was anchored is not this receipt');
  if (epoch === undefined)
    refuse('proof.epoch', `asset ${receipt.asset} has no epoch ${proof.epoch} in tenure ${receipt.tenure}`);
  if (saved.epoch === undefined || !sameBytes(saved.epoch.root, epoch.root))
    refuse(
      'chain.epoch.root',
      `the root of epoch ${proof.epoch} on chain is ${toHex(epoch.root)}, not that of the file`,
    );
  if (!sameBytes(rootOf({ receiptDigest: digest, amount: receipt.amount }, proof.siblings), epoch.root))
    refuse('proof.siblings', `the siblings do not lead to the root of epoch ${proof.epoch}, ${toHex(epoch.root)}`);
  return { epoch: proof.epoch, root: epoch.root, anchoredAtSec: epoch.anchoredAtSec };
}

function refuse(field: string, what: string): never {
  throw new WeftError('RECEIPT_INVALID', `${field}: ${what}`, { field });
}
