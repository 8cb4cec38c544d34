import { type Marketplace, readMarketplace, readWalletToken } from '#client/marketplace.js';
import { openParts } from '#client/parts.js';
import { Weft } from '#client/weft.js';
import { RemoteWallet } from '#payments/payer/remote-wallet.js';
import type { Context } from './command.js';

const connectWallet = async ({ home }: Context, marketplace: Marketplace): Promise<RemoteWallet> =>
  new RemoteWallet({ address: marketplace.wallet, token: await readWalletToken(home, marketplace) });

/** The wallet process, with the token of programs of this machine. Closed with the command. */
export async function openWallet(context: Context): Promise<RemoteWallet> {
  return context.closeLater(await connectWallet(context, await readMarketplace(context.home)));
}

/** Calls services, paid by the wallet process. Closed with the command. */
export async function openWeft(context: Context): Promise<Weft> {
  const marketplace = await readMarketplace(context.home);
  const wallet = await connectWallet(context, marketplace);
  return context.closeLater(new Weft(marketplace, openParts(marketplace, wallet), async () => wallet.close()));
}
