import { randomBytes } from 'node:crypto';
import { connect } from '#client/connect.js';
import { openQuote } from '#client/quote.js';
import type { Requirement } from '#core/requirement.js';

/**
 * Opens the payer's channels to everybody whom a pipeline may pay, in one transaction, by quoting it once and letting
 * the quote go. Gives the transaction's hash; undefined if the channels are there and filled.
 */
export async function openChannels(home: string, requirements: readonly Requirement[]): Promise<string | undefined> {
  const weft = await connect({ home });
  try {
    const quoteId = randomBytes(32);
    const { transaction } = await openQuote(weft.parts, { quoteId, requirements });
    await weft.parts.wallet.closeQuote(quoteId);
    return transaction;
  } finally {
    await weft.close();
  }
}
