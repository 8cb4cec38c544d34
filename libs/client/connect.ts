import { RemoteWallet } from '#payments/payer/remote-wallet.js';
import type { Wallet } from '#payments/payer/wallet.js';
import { weftHome } from '#platform/home.js';
import { readMarketplace, readWalletToken } from './marketplace.js';
import { openParts } from './parts.js';
import { Weft } from './weft.js';

export interface ConnectOptions {
  /** Folder of the marketplace's state. Default: WEFT_HOME, else `.weft`. */
  readonly home?: string;
  /** Pays instead of the marketplace's wallet process; whoever gives it closes it. */
  readonly wallet?: Wallet;
}

/** A marketplace that runs on this machine, with its wallet to pay. Throws CONFIG_INVALID if there is none. */
export async function connect({ home = weftHome(), wallet }: ConnectOptions = {}): Promise<Weft> {
  const marketplace = await readMarketplace(home);
  if (wallet !== undefined) return new Weft(marketplace, openParts(marketplace, wallet), async () => {});
  const remote = new RemoteWallet({ address: marketplace.wallet, token: await readWalletToken(home, marketplace) });
  return new Weft(marketplace, openParts(marketplace, remote), async () => remote.close());
}
