import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { readMarketplace } from '#client/marketplace.js';
import { openParts } from '#client/parts.js';
import { Weft } from '#client/weft.js';
import { RemoteWallet } from '#payments/payer/remote-wallet.js';
import { weftHome } from '#platform/home.js';
import { readSecret } from '#platform/secrets.js';

export interface AgentConnectOptions {
  /** The most that the agent may spend, in minor units, whatever happens in its process. */
  readonly maxTotal: bigint;
  readonly maxPerCall?: bigint;
  readonly maxPerDay?: bigint;
  /** For how long. Default: one hour. */
  readonly lifetimeSec?: number;
  /** Folder of the marketplace's state. Default: WEFT_HOME, else `.weft`. */
  readonly home?: string;
}

const HOUR_SEC = 3_600;

/**
 * A connection for one agent, paid with a wallet token of its own: the wallet refuses what goes over its limits, and
 * forgets the token when the connection is closed. Needs the wallet's admin token, which the home's owner can read.
 */
export async function connectAgent(options: AgentConnectOptions): Promise<Weft> {
  const { home = weftHome(), maxTotal, maxPerCall, maxPerDay, lifetimeSec = HOUR_SEC } = options;
  const marketplace = await readMarketplace(home);
  const connect = (token: string) => new RemoteWallet({ address: marketplace.wallet, token });
  const admin = connect(readSecret(join(home, 'wallet', 'admin.token')));
  const name = `agent-${randomBytes(8).toString('hex')}`;
  try {
    const token = await admin.createToken(name, 'SPEND', {
      total: maxTotal,
      perCall: maxPerCall,
      perDay: maxPerDay,
      expiresAtSec: Math.floor(Date.now() / 1_000) + lifetimeSec,
    });
    const wallet = connect(token);
    return new Weft(marketplace, openParts(marketplace, wallet), async () => {
      wallet.close();
      try {
        await admin.revokeToken(name);
      } finally {
        admin.close();
      }
    });
  } catch (error) {
    admin.close();
    throw error;
  }
}
