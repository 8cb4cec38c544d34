import { sameBytes } from '#core/hex.js';
import type { ChannelKeys } from './channel-keys.js';
import type { LedgerBook } from './ledger/ledger-book.js';
import { idKey, newChannel } from './ledger/ledger-state.js';
import type { PayerChain } from './payer-chain.js';

/**
 * A ledger takes in the channels that this wallet opened from `fromBlock` on and that it does not know: those whose
 * signer comes from the wallet's seed. What was signed on them nobody here knows, so they sign nothing until their
 * provider has shown the highest voucher and the receipts, and their whole deposit counts as signed. Gives whether all
 * of them are deep enough in the chain to be taken in. Errors: CHAIN_UNAVAILABLE.
 */
export async function importChannels(parts: {
  readonly book: LedgerBook;
  readonly chain: PayerChain;
  readonly keys: ChannelKeys;
  readonly fromBlock: number;
}): Promise<boolean> {
  const { book, chain, keys, fromBlock } = parts;
  let complete = true;
  for (const { channelId, terms } of await chain.opened(fromBlock)) {
    if (book.channels.has(idKey(channelId)) || !sameBytes(keys.key(terms).address, terms.signer)) continue;
    const onChain = await chain.channel(channelId);
    if (onChain.status === 'none') complete = false;
    if (onChain.status !== 'open') continue;
    const channel = newChannel({
      id: channelId,
      terms,
      status: 'open',
      deposited: onChain.deposited,
      claimed: onChain.claimed,
      expiresAtSec: onChain.expiresAtSec,
      signed: onChain.deposited,
      ceiling: onChain.deposited,
      proven: false,
      imported: true,
    });
    book.channels.set(channel.key, channel);
    book.ledger.unproven.add(channel);
    book.ledger.dirty.channels.add(channel);
  }
  await book.flush();
  return complete;
}
