import type { Deployment } from '#contracts/deployment.js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import type { ReceiptPlace, Wallet } from '#payments/payer/wallet.js';
import { recover } from '#payments/signature.js';
import { type ReceiptChain, readFacts } from './read-facts.js';
import type { ReceiptFile } from './receipt-file.js';
import { receiptDigest, verifyReceipt } from './verify-receipt.js';

export interface CollectedReceipt {
  readonly file: ReceiptFile;
  /** Why it has no proof; undefined if it has one. */
  readonly unproven: string | undefined;
}

/**
 * A call's receipt out of the payer's wallet, with the provider's proof and what the chain says of both. What does not
 * verify is not given out. Errors: NOT_FOUND if the wallet has no receipt of the call, RECEIPT_INVALID,
 * CHAIN_UNAVAILABLE, WALLET_UNAVAILABLE.
 */
export async function collectReceipt(
  wallet: Pick<Wallet, 'call' | 'receiptPlace'>,
  chain: ReceiptChain & { readonly contracts: Pick<Deployment, 'chainId' | 'escrow' | 'assets' | 'anchor'> },
  callId: Uint8Array,
): Promise<CollectedReceipt> {
  const record = await wallet.call(callId);
  if (record?.receipt === undefined)
    throw new WeftError('NOT_FOUND', 'the wallet has no receipt of this call: it was free, or not answered', {
      callId: toHex(callId),
    });
  const { receipt, call } = record;
  const { chainId, escrow, assets, anchor } = chain.contracts;
  const bare = { chainId, contracts: { escrow, assets, anchor }, receipt };
  const digest = receiptDigest(bare);
  const signer = recover(digest, receipt.signature) ?? new Uint8Array(20);
  const place = await placeOf(wallet, callId);
  const epoch = place.state === 'anchored' ? place.epoch : undefined;
  const facts = await readFacts(chain, { asset: receipt.asset, tenure: receipt.tenure, signer, epoch });
  const file: ReceiptFile = {
    ...bare,
    signer,
    call: call && {
      listing: call.listing,
      method: call.method,
      requestDigest: call.requestDigest,
      maxAmount: call.maxAmount,
    },
    proof:
      place.state === 'anchored'
        ? { epoch: place.epoch, receiptDigest: digest, amount: receipt.amount, siblings: place.siblings }
        : undefined,
    facts,
  };
  verifyReceipt(file, facts);
  return { file, unproven: place.state === 'anchored' ? undefined : whyWaiting(place) };
}

type Place = ReceiptPlace | { readonly state: 'unknown'; readonly why: string };

/** A provider that does not answer takes nobody's receipt away. */
async function placeOf(wallet: Pick<Wallet, 'receiptPlace'>, callId: Uint8Array): Promise<Place> {
  try {
    return await wallet.receiptPlace(callId);
  } catch (error) {
    if (!(error instanceof WeftError) || error.reason === 'WALLET_UNAVAILABLE') throw error;
    return { state: 'unknown', why: error.message };
  }
}

function whyWaiting(place: Exclude<Place, { state: 'anchored' }>): string {
  if (place.state === 'unknown') return `its provider did not say where it is anchored: ${place.why}`;
  if (place.unpaid) return 'its job is not paid: it is anchored once it is';
  if (place.bySec === undefined) return 'its provider anchors no receipts';
  return `it is not anchored yet, and will be by ${new Date(place.bySec * 1000).toISOString().slice(0, 19)}Z`;
}
