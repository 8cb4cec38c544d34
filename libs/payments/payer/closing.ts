import { WeftError } from '#core/errors.js';
import type { Funding } from './funding.js';
import type { LedgerBook } from './ledger/ledger-book.js';
import type { ChannelEntry } from './ledger/ledger-state.js';
import type { PayerChain } from './payer-chain.js';
import type { Proofs } from './proofs.js';
import type { ProviderPayments } from './provider-payments.js';
import type { Recovery } from './recovery.js';

export interface ClosingParts {
  readonly book: LedgerBook;
  readonly chain: PayerChain;
  readonly funding: Funding;
  readonly providers: ProviderPayments;
  readonly proofs: Proofs;
  readonly recovery: Recovery;
  /** Asks the provider about the channel's unclear calls. */
  readonly sweep: (channel: ChannelEntry) => Promise<void>;
}

const AGREEMENT_SEC = 3_600;

/** Ends channels and brings their rest back. */
export class Closing {
  constructor(private readonly parts: ClosingParts) {}

  /**
   * With the provider's agreement, or by reclaiming once it is past its release. Errors: CHANNEL_CLOSED, INVALID_INPUT
   * while open quotes or calls need it, RECEIPT_INVALID if the provider claims more than its receipts say; its own.
   */
  async close(channel: ChannelEntry): Promise<{ transaction: string; returned: bigint }> {
    const { chain, funding } = this.parts;
    await funding.refresh(channel);
    if (channel.status === 'closed' || channel.status === 'opening')
      throw new WeftError('CHANNEL_CLOSED', 'this channel is not open on chain');
    const releaseSec = channel.expiresAtSec + (await chain.windowSec());
    const transaction =
      (await chain.readTime()) >= releaseSec
        ? await chain.send(chain.escrow.reclaim([channel.terms]))
        : await this.#agree(channel);
    await funding.refresh(channel);
    await this.parts.book.flush();
    return { transaction, returned: channel.deposited - channel.claimed };
  }

  async #agree(channel: ChannelEntry): Promise<string> {
    const { book, chain, recovery, sweep } = this.parts;
    const busy = (what: string) =>
      new WeftError('INVALID_INPUT', `the channel is still needed by ${what}; close those first`, {
        field: 'channelId',
      });
    if (channel.quotes.size > 0) throw busy(`${channel.quotes.size} open quotes`);
    channel.status = 'closing';
    book.ledger.dirty.channels.add(channel);
    try {
      await book.flush();
      if (!channel.proven) await recovery.prove(channel);
      if (channel.inFlight > 0) await sweep(channel);
      if (channel.inFlight > 0) throw busy(`${channel.inFlight} calls whose end is not known`);
    } catch (error) {
      channel.status = 'open';
      book.ledger.dirty.channels.add(channel);
      book.changed();
      throw error;
    }
    // From here on the provider may have frozen the channel: it takes no more calls, only another `close`.
    const { spent, deadlineSec, signature } = await this.#agreement(channel);
    return await chain.send(chain.escrow.close(channel.terms, { spent, deadlineSec, signature }));
  }

  async #agreement(channel: ChannelEntry) {
    const { chain, providers, proofs, recovery } = this.parts;
    const close = await providers.close(channel, channel.settled, chain.nowSec() + AGREEMENT_SEC);
    if (!(await proofs.isClose(close, channel)))
      throw new WeftError('BAD_SIGNATURE', 'the provider’s agreement is not signed by its operator');
    if (close.spent > channel.settled) await recovery.prove(channel);
    if (close.spent > channel.settled)
      throw new WeftError(
        'RECEIPT_INVALID',
        `the provider says ${close.spent} was spent, its receipts add up to ${channel.settled}`,
        { spent: String(close.spent), settled: String(channel.settled) },
      );
    return close;
  }
}
