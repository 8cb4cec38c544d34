import type { Wallet } from '#payments/payer/wallet.js';
import { PaidCaller } from './call/paid-caller.js';
import { type OpenMarket, openMarket } from './market.js';
import type { Marketplace } from './marketplace.js';
import type { SessionParts } from './session.js';

/** What makes paid calls in a marketplace. */
export interface ClientParts extends SessionParts {
  readonly market: OpenMarket;
  /** Waits until the wallet has been told how every call ended, then lets go of all connections; the wallet stays. */
  close(): Promise<void>;
}

/** `onUnsettled` is told when the wallet could not be told how a call ended; its sweeper finds out. */
export function openParts(
  marketplace: Marketplace,
  wallet: Wallet,
  onUnsettled?: (callId: Uint8Array, error: unknown) => void,
): ClientParts {
  const market = openMarket(marketplace);
  const { channels, receipts, domain } = market;
  const caller = new PaidCaller({
    wallet,
    channels,
    receipts,
    domain,
    ...(onUnsettled === undefined ? {} : { onUnsettled }),
  });
  return {
    wallet,
    market,
    caller,
    async close() {
      await caller.close();
      market.close();
    },
  };
}
