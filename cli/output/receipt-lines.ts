import type { ReceiptFile } from '#client/receipt/receipt-file.js';
import { toHex } from '#core/hex.js';
import { plainLine } from '#core/plain-text.js';

/** When, as everybody reads it alike. */
export const utcTime = (sec: number): string => `${new Date(sec * 1000).toISOString().slice(0, 19)}Z`;

/** What a receipt says, line by line. */
export function receiptLines({ receipt, signer, call, proof }: ReceiptFile): string[] {
  const { asset, tenure, amount, units, outcome, servedAtSec } = receipt;
  return [
    `call       ${toHex(receipt.callId)}`,
    `asset      ${asset}, tenure ${tenure}`,
    ...(call ? [`method     ${plainLine(call.method, 512)}`, `listing    ${toHex(call.listing)}`] : []),
    `amount     ${amount} for ${units} ${units === 1n ? 'unit' : 'units'}, ${outcome}`,
    `served at  ${utcTime(servedAtSec)}`,
    `response   ${toHex(receipt.responseDigest)}`,
    `signed by  ${toHex(signer)}`,
    ...(proof ? [`anchored   in epoch ${proof.epoch}`] : []),
  ];
}
