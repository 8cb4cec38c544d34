import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type ConnectOptions, connect } from '#client/connect.js';
import { openQuote } from '#client/quote.js';
import { WeftError } from '#core/errors.js';
import { plainLine } from '#core/plain-text.js';
import type { Requirement } from '#core/requirement.js';

export interface OpenChannelsOptions extends ConnectOptions {
  readonly requirements: readonly Requirement[];
  /** Rejects when it is no longer wanted. */
  readonly ended: Promise<never>;
  /** Told why it takes longer. */
  readonly say: (line: string) => void;
}

const PAUSE_MS = 1_000;

/**
 * Opens the payer's channels to everybody whom a pipeline may pay, in one transaction, by quoting it once and letting
 * the quote go. Gives the transaction's hash; undefined if the channels are there and filled. What passes is waited
 * for: on a slow chain the wallet goes on with its transactions after the first answer is overdue.
 */
export async function openChannels({ requirements, ended, say, ...options }: OpenChannelsOptions) {
  ended.catch(() => {});
  const weft = await connect(options);
  const order = { quoteId: randomBytes(32), requirements };
  const ask = () =>
    openQuote(weft.parts, order).catch((error: unknown) => {
      if (!(error instanceof WeftError) || !error.retryable) throw error;
      say(`  channels: ${plainLine(error.message, 300)} (${error.reason}); asking again`);
      return undefined;
    });
  try {
    for (;;) {
      const opened = await Promise.race([ask(), ended]);
      if (opened === undefined) {
        await Promise.race([delay(PAUSE_MS), ended]);
        continue;
      }
      await weft.parts.wallet.closeQuote(order.quoteId).catch((error: unknown) => {
        // It ends by itself in time; the channels are there.
        say(`  channels: their quote is still open (${WeftError.from(error).reason})`);
      });
      return opened.transaction;
    }
  } finally {
    await weft.close();
  }
}
